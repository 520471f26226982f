// SPDX-License-Identifier: MIT
// duckdb.mjs QUERY [SETUP] - one query in DuckDB, in memory, with two threads.
//
// Prints {"ms": the query's time, …the columns of its first row}.  SETUP is not counted.
import { createRequire } from "node:module";

const { DuckDBInstance } = createRequire(`${process.env.DUCKDB}/`)("@duckdb/node-api");
const [query, setup] = process.argv.slice(2);
const instance = await DuckDBInstance.create(":memory:", { threads: "2" });
const connection = await instance.connect();

if (setup)
	await connection.run(setup);
const start = performance.now();
const reader = await connection.runAndReadAll(query);
const ms = performance.now() - start;
console.log(JSON.stringify({ ms, ...reader.getRowObjectsJson()[0] }));
