/* SPDX-License-Identifier: MIT */
/* bench_data.c - files for the benchmarks of records, the same bytes each time.
 *
 *	bench_data words BYTES FILE     lines of words; 100,000 different ones by Zipf's law
 *	bench_data rows COUNT FILE      name;temp with a header, 413 names, one decimal place
 *	bench_data records COUNT FILE   {"id","value","category","ts"} by lines, one in a hundred
 *	                                values below zero
 *	bench_data doubles COUNT FILE   little-endian doubles from -1,000 to 1,000
 *	bench_data left SIDE FILE       a matrix of small integers, rows as JSON arrays
 *	bench_data right SIDE FILE      another one, as doubles
 */
#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 100000, WORD_ROOM = 16, WORDS_A_LINE = 14, NAMES = 413, OUT_BYTES = 1 << 20 };

static struct rng rng;
static FILE *out;

static void die(const char *why)
{
	fprintf(stderr, "bench_data: %s\n", why);
	exit(1);
}

/* ---- words ---- */

struct word {
	char text[WORD_ROOM]; /* with a blank behind it */
	uint32_t len;
	uint32_t other; /* the word that stands for this one's place when the dice say so */
	double own;	/* how often they do not */
};

static struct word words[WORDS];

/* Frequent words are short, as in any language. */
static void word_make(uint32_t rank)
{
	struct word *word = &words[rank];
	uint32_t number = rank;

	do {
		word->text[word->len++] = (char)('a' + number % 26);
		number /= 26;
	} while (number > 0);
	for (int64_t more = rng_between(&rng, 1, 2 + (int64_t)log10(rank + 1) * 2); more > 0;
	     more--)
		word->text[word->len++] = "aeioulnrst"[rng_between(&rng, 0, 9)];
	word->text[word->len] = ' ';
}

/* The alias method: A. J. Walker, 1977, in the form of M. D. Vose, 1991. */
static void words_weigh(void)
{
	static double weights[WORDS];
	static uint32_t small[WORDS], large[WORDS];
	uint32_t smalls = 0, larges = 0;
	double sum = 0;

	for (uint32_t i = 0; i < WORDS; i++)
		sum += 1.0 / (i + 1);
	for (uint32_t i = 0; i < WORDS; i++) {
		weights[i] = WORDS / (sum * (i + 1));
		if (weights[i] < 1)
			small[smalls++] = i;
		else
			large[larges++] = i;
	}
	while (smalls > 0 && larges > 0) {
		uint32_t less = small[--smalls], more = large[larges - 1];

		words[less].own = weights[less];
		words[less].other = more;
		weights[more] -= 1 - weights[less];
		if (weights[more] < 1) {
			larges--;
			small[smalls++] = more;
		}
	}
	while (larges > 0)
		words[large[--larges]].own = 1;
	while (smalls > 0)
		words[small[--smalls]].own = 1;
}

static void words_write(uint64_t bytes)
{
	uint64_t written = 0;

	for (uint32_t i = 0; i < WORDS; i++)
		word_make(i);
	words_weigh();
	for (uint64_t i = 1; written < bytes; i++) {
		const struct word *word = &words[rng_next(&rng) % WORDS];

		if (rng_unit(&rng) >= word->own)
			word = &words[word->other];
		fwrite(word->text, 1, word->len + (i % WORDS_A_LINE > 0), out);
		written += word->len + 1;
		if (i % WORDS_A_LINE == 0)
			putc_unlocked('\n', out);
	}
}

/* ---- the others ---- */

static void rows_write(uint64_t count)
{
	static char names[NAMES][WORD_ROOM];
	static char numbers[1999][8];

	for (int i = 0; i < NAMES; i++)
		snprintf(names[i], WORD_ROOM, "%.*s%03d", (int)rng_between(&rng, 2, 10),
			 "Reykjavik-n", i);
	for (int i = 0; i < 1999; i++)
		snprintf(numbers[i], sizeof(numbers[i]), "%.1f", (i - 999) / 10.0);
	fputs("name;temp\n", out);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t dice = rng_next(&rng);
		int at = (int)((dice >> 32) % 1999);

		if (at == 999)
			at++; /* no -0.0, nor the question whether it is less than 0.0 */
		fputs_unlocked(names[(uint32_t)dice % NAMES], out);
		putc_unlocked(';', out);
		fputs_unlocked(numbers[at], out);
		putc_unlocked('\n', out);
	}
}

static void records_write(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		uint64_t dice = rng_next(&rng);

		fprintf(out,
			"{\"id\":%llu,\"value\":%d,\"category\":\"%c\","
			"\"ts\":\"2026-%02d-%02dT%02d:%02d:%02dZ\"}\n",
			(unsigned long long)i + 1, (int)((dice & 0xffff) % 1000) - 10,
			(int)('A' + (dice >> 16) % 4), (int)((dice >> 20) % 12) + 1,
			(int)((dice >> 24) % 28) + 1, (int)((dice >> 32) % 24),
			(int)((dice >> 40) % 60), (int)((dice >> 48) % 60));
	}
}

static void doubles_write(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		double number = rng_unit(&rng) * 2000 - 1000;

		fwrite(&number, sizeof(number), 1, out);
	}
}

static void left_write(uint64_t side)
{
	for (uint64_t row = 0; row < side; row++)
		for (uint64_t column = 0; column < side; column++)
			fprintf(out, "%c%d%s", column == 0 ? '[' : ',',
				(int)rng_between(&rng, -9, 9), column + 1 == side ? "]\n" : "");
}

static void right_write(uint64_t side)
{
	for (uint64_t i = 0; i < side * side; i++) {
		double number = (double)rng_between(&rng, -9, 9);

		fwrite(&number, sizeof(number), 1, out);
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*write)(uint64_t size);
	} kinds[] = {
		{"words", words_write},	    {"rows", rows_write}, {"records", records_write},
		{"doubles", doubles_write}, {"left", left_write}, {"right", right_write},
	};

	if (argc != 4)
		die("KIND SIZE FILE");
	out = fopen(argv[3], "w");
	if (!out || setvbuf(out, NULL, _IOFBF, OUT_BYTES))
		die("the file cannot be written");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(kinds[i].name, argv[1]) != 0)
			continue;
		rng_seed(&rng, i + 1);
		kinds[i].write(strtoull(argv[2], NULL, 10));
		if (fclose(out))
			die("the file cannot be written");
		return 0;
	}
	die("unknown kind");
}
