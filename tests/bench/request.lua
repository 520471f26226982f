-- SPDX-License-Identifier: MIT
-- request.lua - for wrk: sends its argument as the body of a POST (none: GET), and ends
-- with one line of JSON that tests/bench/peers.py reads.

function init(args)
	if args[1] then
		wrk.method = "POST"
		wrk.body = args[1]
		wrk.headers["Content-Type"] = "application/json"
	end
end

function done(summary, latency)
	local errors = summary.errors
	io.write(string.format(
		'\n{"requests": %d, "rate": %.1f, "p50_us": %d, "p99_us": %d, "errors": %d}\n',
		summary.requests, summary.requests * 1e6 / summary.duration,
		latency:percentile(50), latency:percentile(99),
		errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
