/* SPDX-License-Identifier: MIT */
/* url_punycode.c - RFC 3492, sections 6.1 (adapt), 6.2 (decode) and 6.3 (encode).
 *
 * url_idna.c calls it with labels of at most IDNA_LABEL_MAX code points; numbers
 * that a hostile label makes large are checked as section 6.4 asks.
 */
#include "net/url_punycode.h"

#include <string.h>

/* Section 5. */
enum { BASE = 36, T_MIN = 1, T_MAX = 26, SKEW = 38, DAMP = 700, BIAS_FIRST = 72, N_FIRST = 128 };

static uint32_t adapt(uint32_t delta, uint32_t points, int first)
{
	uint32_t k = 0;

	delta = first ? delta / DAMP : delta / 2;
	delta += delta / points;
	for (; delta > ((BASE - T_MIN) * T_MAX) / 2; k += BASE)
		delta /= BASE - T_MIN;
	return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static uint32_t threshold(uint32_t k, uint32_t bias)
{
	if (k <= bias + T_MIN)
		return T_MIN;
	return k >= bias + T_MAX ? T_MAX : k - bias;
}

static char digit(uint32_t value)
{
	return (char)(value < 26 ? 'a' + value : '0' + value - 26);
}

static uint32_t digit_value(uint32_t c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	return c >= '0' && c <= '9' ? c - '0' + 26 : BASE;
}

/* One delta as a variable-length integer; the new end, or NULL: no room. */
static char *delta_write(uint32_t delta, uint32_t bias, char *at, const char *end)
{
	uint32_t q = delta;

	for (uint32_t k = BASE;; k += BASE) {
		uint32_t t = threshold(k, bias);

		if (at == end)
			return NULL;
		if (q < t)
			break;
		*at++ = digit(t + (q - t) % (BASE - t));
		q = (q - t) / (BASE - t);
	}
	*at++ = digit(q);
	return at;
}

static uint32_t smallest_from(const uint32_t *label, size_t len, uint32_t n)
{
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < len; i++)
		if (label[i] >= n && label[i] < least)
			least = label[i];
	return least;
}

int punycode_encode(const uint32_t *label, size_t len, char *out, size_t max)
{
	uint32_t n = N_FIRST, delta = 0, bias = BIAS_FIRST, basic = 0, done;
	char *at = out, *end = out + max;

	if (max < len + 1)
		return -1;
	for (size_t i = 0; i < len; i++)
		if (label[i] < N_FIRST)
			*at++ = (char)label[i];
	done = basic = (uint32_t)(at - out);
	if (basic)
		*at++ = '-';

	while (done < len) {
		uint32_t next = smallest_from(label, len, n);

		/* at most 2^21 x 2^8: no overflow with labels this short */
		delta += (next - n) * (done + 1);
		n = next;
		for (size_t i = 0; i < len; i++) {
			if (label[i] < n)
				delta++;
			if (label[i] != n)
				continue;
			at = delta_write(delta, bias, at, end);
			if (!at)
				return -1;
			bias = adapt(delta, done + 1, done == basic);
			delta = 0;
			done++;
		}
		delta++;
		n++;
	}
	return (int)(at - out);
}

/* Reads one delta into *i; the new place, or NULL: not Punycode. */
static const uint32_t *delta_read(const uint32_t *at, const uint32_t *end, uint32_t bias,
				  uint32_t *i)
{
	uint32_t weight = 1;

	for (uint32_t k = BASE;; k += BASE) {
		uint32_t t = threshold(k, bias);
		uint32_t value, add;

		if (at == end)
			return NULL;
		value = digit_value(*at++);
		if (value >= BASE || __builtin_mul_overflow(value, weight, &add) ||
		    __builtin_add_overflow(*i, add, i))
			return NULL;
		if (value < t)
			return at;
		if (__builtin_mul_overflow(weight, BASE - t, &weight))
			return NULL;
	}
}

int punycode_decode(const uint32_t *text, size_t len, uint32_t *out, size_t max)
{
	uint32_t n = N_FIRST, i = 0, bias = BIAS_FIRST;
	const uint32_t *at = text, *end = text + len;
	size_t basic = len, count = 0;

	while (basic > 0 && text[basic - 1] != '-')
		basic--;
	if (basic > 0) {
		count = basic - 1;
		at = text + basic;
	}
	if (count > max)
		return -1;
	for (size_t j = 0; j < count; j++) {
		if (text[j] >= N_FIRST)
			return -1;
		out[j] = text[j];
	}

	while (at < end) {
		uint32_t before = i;

		at = delta_read(at, end, bias, &i);
		if (!at || count == max)
			return -1;
		bias = adapt(i - before, (uint32_t)count + 1, before == 0);
		if (__builtin_add_overflow(n, i / (count + 1), &n) || n > 0x10FFFF)
			return -1;
		i %= (uint32_t)count + 1;
		memmove(out + i + 1, out + i, (count - i) * sizeof(*out));
		out[i++] = n;
		count++;
	}
	return (int)count;
}
