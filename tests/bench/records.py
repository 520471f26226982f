# SPDX-License-Identifier: MIT
"""Measures of pipelines and map-reduce, beside DuckDB, jq, Miller, GNU parallel with mawk, numpy,
Node and hand-written C.

All of them read the same files from the page cache and use two threads if they can.  Times are
milliseconds: of jobmill from the submit to the answer that the job has ended, of programs for
one query from their start to their end, of DuckDB, numpy, Node and C without their start.  CPU
is user and system time, which a busy machine changes less.  Answers are compared: a contender
that finds something else was not measured.
"""
import json
import os
import resource
import shutil
import subprocess
import time

import peers
from peers import Failed, Jobmill

DATA = f"{peers.BUILD}/bench-data"
DUCKDB = ("@duckdb/node-api", "1.5.6-r.1")
MATRIX_SIDE = 2000
scale = 0.1


def data(kind, size):
    """A file of bench_data, made once for each size."""
    os.makedirs(DATA, exist_ok=True)
    path = f"{DATA}/{kind}-{size}"
    if not os.path.exists(path):
        subprocess.run([f"{peers.BUILD}/bench_data", kind, str(size), f"{path}.new"], check=True)
        os.rename(f"{path}.new", path)
    with open(path, "rb", buffering=0) as file: # into the page cache
        while file.read(1 << 20):
            pass
    return path


# ---- contenders: each gives (ms, ms of CPU, answer) ----


def jobmill(kind, spec):
    """The job's summary and items as the answer."""
    with Jobmill("--files", f"bench={DATA}", "--workers-max", "2") as server:
        server.ask("GET", "/v1/jobs") # it has started
        before_s, start = server.cpu_s(), time.monotonic()
        job = json.loads(server.ask("POST", "/v1/jobs?wait=50s",
                                    json.dumps({"type": kind, "spec": spec})))
        while job["state"] not in ("completed", "failed"):
            job = json.loads(server.ask("GET", f"/v1/jobs/{job['id']}?wait=50s"))
        ms, cpu_ms = (time.monotonic() - start) * 1e3, (server.cpu_s() - before_s) * 1e3
        if job["state"] != "completed":
            raise Failed(f"the {kind} failed: {job['error']}")
        items = server.ask("GET", f"/v1/jobs/{job['id']}/results?limit=1000").splitlines()
        return ms, cpu_ms, {"summary": job["summary"], "counts": job["counts"],
                            "items": [json.loads(item) for item in items[:1000]]}


def program(command, seconds=600):
    """A command that prints {"ms": …, …}, or anything: then it is timed from outside."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=seconds, check=True,
                          shell=isinstance(command, str))
    ms = (time.monotonic() - start) * 1e3
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_ms = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    return (answer.pop("ms"), cpu_ms, answer) if "ms" in answer else (ms, cpu_ms, answer)


def duckdb(query, setup=""):
    """The first row as the answer."""
    home = f"{peers.BUILD}/duckdb"
    subprocess.run([f"{peers.HERE}/../tools/npm-package", home, *DUCKDB], check=True)
    os.environ["DUCKDB"] = home
    return program(["node", f"{peers.HERE}/duckdb.mjs", query, setup])


def parallel(path, each, merge):
    """mawk over the halves of a file, and over what they say."""
    for name in ("parallel", "mawk"):
        if not shutil.which(name):
            raise OSError(f"there is no {name}")
    return program(f"parallel --will-cite --pipepart -a {path} --block -1 -j2 \"mawk '{each}'\""
                   f" | mawk '{merge}'")


def arrays(what, *more):
    """numpy."""
    return program(["/usr/bin/python3", f"{peers.HERE}/arrays.py", what, *map(str, more)])


def compare(contenders, wanted=None):
    """{figure: ms} of all; contenders: (name, what it finds there, function).  What the first one
    finds all must find."""
    figures = {}
    for name, find, run in contenders:
        try:
            ms, cpu_ms, answer = run()
        except (OSError, subprocess.CalledProcessError) as failure:
            print(f"{name} is not measured: {failure}", flush=True)
            continue
        found = find(answer)
        if wanted is None:
            wanted = found
        if found != wanted:
            raise Failed(f"{name} finds {found}, and not {wanted}")
        figures[name], figures[f"{name} CPU"] = ms, cpu_ms
    return figures


# ---- pipelines ----

CHECK = {"validate": {"properties": {"value": {"minimum": 0}}}, "on_error": "skip"}
SQUARE = {"set": {"value_squared": "value * value"}}
TOTAL = {"reduce": {"aggregates": {"n": "count", "total": "sum(value_squared)"}}}
SCRIPT = {"map": ["if r.value < 0 then skip() end", "r.value_squared = r.value * r.value"]}
JQ = ("jq -nc 'reduce (inputs | select(.value >= 0) | .value_squared = .value * .value"
      " | select(.category == \"A\")) as $r ({n: 0, total: 0};"
      " .n += 1 | .total += $r.value_squared)' ")
MILLER = ("mlr --ijsonl --ojsonl put '$value_squared = $value * $value' then"
          " filter '$value >= 0 && $category == \"A\"' then"
          " stats1 -a count,sum -f value_squared then"
          " rename value_squared_count,n,value_squared_sum,total ")


def pipeline(count, stages, **more):
    return lambda: jobmill("pipeline", {"input": {"file": f"bench/records-{count}",
                                                  "format": "ndjson"}, "stages": stages, **more})


def total(answer):
    answer = answer["items"][0] if "items" in answer else answer
    return int(answer["n"]), int(answer["total"])


def items(answer):
    return answer["counts"]["items"]


def pipelines(_):
    """Records of NDJSON (1,000,000 at scale 1): value >= 0 validated, value_squared, category A,
    count and sum; written: every valid record with its square, as NDJSON, durable."""
    count = int(1_000_000 * scale)
    path = data("records", count)
    query = (f"SELECT count(*) AS n, sum(value * value) AS total FROM read_json('{path}',"
             " format = 'newline_delimited', columns = {id: 'BIGINT', value: 'BIGINT',"
             " category: 'VARCHAR', ts: 'VARCHAR'}) WHERE value >= 0 AND category = 'A'")
    verbs = [CHECK, SQUARE, {"filter": "category == 'A'"}, TOTAL]
    figures = compare([
        ("jobmill", total, pipeline(count, verbs)),
        ("one lane", total, pipeline(count, verbs, workers=1)),
        ("in Lua", total, pipeline(count, [SCRIPT, {"filter": {"lua": "r.category == 'A'"}},
                                           TOTAL])),
        ("duckdb", total, lambda: duckdb(query)),
        ("jq", total, lambda: program(JQ + path)),
        ("miller", total, lambda: program(MILLER + path)),
        ("node", total, lambda: program(["node", f"{peers.HERE}/reader.mjs", path])),
    ])
    figures |= compare([
        ("written", items, pipeline(count, [CHECK, SQUARE])),
        ("written in Lua", items, pipeline(count, [SCRIPT])),
    ])
    for name in ("jobmill", "in Lua", "written", "written in Lua"):
        figures[f"{name}: records/s"] = count / figures[name] * 1e3
    return figures


# ---- map-reduce ----


def mapreduce(name, map_, **more):
    """Over a file of bench_data."""
    source = {"file": f"bench/{name}", **more.pop("input", {})}
    return lambda: jobmill("mapreduce", {"input": source, "map": map_, **more})


def words(_):
    """Words counted: 1 GB at scale 1, 100,000 different ones by Zipf's law."""
    path = data("words", int(1e9 * scale))
    name = os.path.basename(path)
    lines = {"format": "lines"}
    query = ("SELECT count(*) AS words FROM (SELECT word, count(*) FROM"
             " (SELECT unnest(string_split(line, ' ')) AS word FROM"
             f" read_csv('{path}', columns = {{line: 'VARCHAR'}}, delim = '|', header = false,"
             " quote = '', escape = '', auto_detect = false)) WHERE word <> '' GROUP BY word)")
    return compare([
        ("jobmill", lambda a: a["summary"]["value"],
         mapreduce(name, {"builtin": "word_count"}, input=lines)),
        ("in Lua", lambda a: a["counts"]["items"],
         mapreduce(name, {"lua": "for w in r:gmatch('%S+') do emit(w, 1) end"}, input=lines,
                   reduce="sum")),
        ("prototype", lambda a: a["distinct"],
         lambda: program([f"{peers.BUILD}/bench_kernels", "words", path])),
        ("duckdb", lambda a: int(a["words"]), lambda: duckdb(query)),
        ("mawk", lambda a: a["words"], lambda: parallel(
            path, "{ for (i = 1; i <= NF; i++) c[\\$i]++ } END { for (w in c) print w, c[w] }",
            '{ c[$1] += $2 } END { n = 0; for (w in c) n++; print "{\\"words\\":" n "}" }')),
    ])


CSV = {"format": "csv", "delimiter": ";", "types": {"temp": "number"}}


def table(path):
    return (f"read_csv('{path}', delim = ';', header = true, auto_detect = false,"
            " columns = {name: 'VARCHAR', temp: 'DOUBLE'})")


def rows(_):
    """Minimum, mean and maximum of name;number by name: 100,000,000 rows at scale 1."""
    path = data("rows", int(1e8 * scale))
    map_ = {"group_by": ["name"], "aggregates": {
        "min": "min(temp)", "mean": "mean(temp)", "max": "max(temp)"}}
    run = mapreduce(os.path.basename(path), map_, input=CSV)
    return compare([
        ("jobmill", items, run),
        ("one lane", items, mapreduce(os.path.basename(path), map_, input=CSV, workers=1)),
        ("prototype", lambda a: a["names"],
         lambda: program([f"{peers.BUILD}/bench_kernels", "rows", path])),
        ("duckdb", lambda a: int(a["names"]), lambda: duckdb(
            "SELECT count(*) AS names FROM (SELECT name, min(temp), avg(temp), max(temp) FROM "
            f"{table(path)} GROUP BY name HAVING max(temp) < 1e6)")),
        ("mawk", lambda a: a["names"], lambda: parallel(
            path, "BEGIN { FS = \\\";\\\" } NR > 1 || \\$2 != \\\"temp\\\" { if (!(\\$1 in n)) "
            "{ a[\\$1] = b[\\$1] = \\$2 } n[\\$1]++; s[\\$1] += \\$2; "
            "if (\\$2 < a[\\$1]) a[\\$1] = \\$2; if (\\$2 > b[\\$1]) b[\\$1] = \\$2 } "
            "END { for (k in n) print k, n[k], s[k], a[k], b[k] }",
            '{ n[$1] += $2; s[$1] += $3 } '
            'END { c = 0; for (k in n) c++; print "{\\"names\\":" c "}" }')),
    ])


def keys(_):
    """The same rows, those above -50: mean, p50 and p99 by name and by whether it freezes."""
    path = data("rows", int(1e8 * scale))
    map_ = {"filter": "temp > -50", "group_by": ["name", {"freezes": "temp < 0"}],
            "aggregates": {"mean": "mean(temp)", "p50": "p50(temp)", "p99": "p99(temp)"}}
    return compare([
        ("jobmill", items, mapreduce(os.path.basename(path), map_, input=CSV)),
        ("duckdb", lambda a: int(a["groups"]), lambda: duckdb(
            "SELECT count(*) AS groups FROM (SELECT name, temp < 0, avg(temp),"
            f" quantile_cont(temp, [0.5, 0.99]) q FROM {table(path)} WHERE temp > -50"
            " GROUP BY ALL HAVING q[1] < 1e6)")),
    ])


def stats(_):
    """Count, mean, deviation, extremes and median of doubles (50,000,000 at scale 1); DuckDB has
    as many in a table in memory."""
    count = int(5e7 * scale)
    path = data("doubles", count)
    return compare([
        ("jobmill", lambda a: a["summary"]["count"],
         mapreduce(os.path.basename(path), {"builtin": "stats"}, input={"format": "f64"},
                   memory="2GB")), # so that all stay for the median
        ("duckdb", lambda a: int(a["count"]), lambda: duckdb(
            "SELECT count(x) AS count, avg(x), stddev(x), min(x), max(x), median(x) FROM t",
            f"CREATE TABLE t AS SELECT random() * 2000 - 1000 x FROM range({count})")),
        ("numpy", lambda a: a["count"], lambda: arrays("stats", path)),
    ])


def numbers(_):
    """Primes below 50,000,000; the sum of the squares up to 1,000,000,000, exact."""
    def kernel(name, last):
        return lambda: jobmill("mapreduce", {"input": {"range": {"from": 1, "to": last}},
                                             "map": {"builtin": name}})
    figures = compare([
        ("primes", lambda a: a["summary"]["value"], kernel("count_primes", 50_000_000)),
        ("numpy", lambda a: a["primes"], lambda: arrays("primes", 50_000_000)),
    ], wanted=3001134)
    return figures | compare([
        ("squares", lambda a: int(a["summary"]["value"]), kernel("sum_of_squares", 10 ** 9)),
    ], wanted=333333333833333333500000000)


def matrix(_):
    """A product of 2,000 by 2,000: left factor as JSON rows, right as doubles, rows of the product
    as items, durable; numpy from and into memory."""
    left, right = data("left", MATRIX_SIDE), data("right", MATRIX_SIDE)
    by = {"file": f"bench/{os.path.basename(right)}", "columns": MATRIX_SIDE}
    return compare([
        ("jobmill", items, mapreduce(os.path.basename(left), {"builtin": "matrix_multiply",
                                                              "by": by},
                                     input={"format": "ndjson"})),
        ("numpy", lambda a: a["rows"], lambda: arrays("matrix", MATRIX_SIDE)),
    ])


def small(seconds):
    """From submit to answer, one at a time: a pipeline of ten records, the sum of the squares of
    10,000 numbers, the statistics of 10,000 that stand in the spec."""
    records = [{"id": n, "value": n, "category": "AB"[n % 2], "ts": "2026-11-21"} for n in range(10)]
    ten = {"type": "pipeline", "spec": {"input": {"items": records},
                                        "stages": [CHECK, SQUARE, {"filter": "category == 'A'"},
                                                   TOTAL]}}
    squares = {"type": "mapreduce", "spec": {"input": {"range": {"from": 1, "to": 10_000}},
                                             "map": {"builtin": "sum_of_squares"}}}
    many = {"type": "mapreduce", "spec": {"input": {"items": list(range(10_000))},
                                          "map": {"builtin": "stats"}}}
    figures = {}
    for name, job in (("ten records", ten), ("10,000 numbers", squares),
                      ("10,000 in the spec", many)):
        with Jobmill() as server:
            got = peers.wrk(server, "/v1/jobs?wait=10s", 1, seconds, job)
        figures[name], figures[f"{name} CPU"] = got["p50_us"] / 1e3, got["cpu_us"] / 1e3
    return figures
