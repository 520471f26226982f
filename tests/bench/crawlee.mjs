// SPDX-License-Identifier: MIT
// crawlee.mjs SEED AT_ONCE ITEMS - the same crawl with Crawlee's CheerioCrawler, as fast as its
// settings allow.
//
// Title and links of each page, into a file of JSON lines; nothing on the disk besides, no
// sessions, no retries, no robots.txt, no logging, and from the first moment as many requests at
// once as are asked for.  Prints {"rate": pages a second, "pages": …}.
import { createWriteStream } from "node:fs";
import { createRequire } from "node:module";

// The package stands where the tool that installs it was told to put it.
const { CheerioCrawler, Configuration, LogLevel, log } = createRequire(`${process.env.CRAWLEE}/`)(
	"@crawlee/cheerio");

const [seed, at_once, items] = process.argv.slice(2);
const out = createWriteStream(items);
let pages = 0;

log.setLevel(LogLevel.OFF);
const crawler = new CheerioCrawler({
	minConcurrency: Number(at_once),
	maxConcurrency: Number(at_once),
	maxRequestRetries: 0,
	useSessionPool: false,
	retryOnBlocked: false,
	async requestHandler({ request, $, enqueueLinks }) {
		const links = $("a[href]").map((_, a) => $(a).attr("href")).get();

		pages++;
		out.write(JSON.stringify({ url: request.url, title: $("title").text(), links }) + "\n");
		await enqueueLinks();
	},
}, new Configuration({ persistStorage: false }));

const start = performance.now();
await crawler.run([seed]);
const took_s = (performance.now() - start) / 1000;
out.end();
console.log(JSON.stringify({ rate: pages / took_s, pages }));
process.exit(0);
