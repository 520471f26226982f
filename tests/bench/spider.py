#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""spider.py SEED AT_ONCE - the same crawl with Scrapy, as fast as its settings allow.

Title and links of each page, into a file of JSON lines; no robots.txt, no delays, no
cookies, no logging.  Prints {"rate": pages a second, "pages": …}.
"""
import json
import sys
import tempfile
import time

import scrapy
from scrapy.crawler import CrawlerProcess


class Spider(scrapy.Spider):
    name = "spider"

    def __init__(self, seed):
        super().__init__()
        self.start_urls = [seed]
        self.pages = 0

    def parse(self, response):
        self.pages += 1
        links = response.css("a::attr(href)").getall()
        yield {"url": response.url, "title": response.css("title::text").get(), "links": links}
        for link in links:
            yield response.follow(link)


def main():
    seed, at_once = sys.argv[1], int(sys.argv[2])
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as items:
        process = CrawlerProcess({
            "LOG_ENABLED": False, "ROBOTSTXT_OBEY": False, "COOKIES_ENABLED": False,
            "TELNETCONSOLE_ENABLED": False, "CONCURRENT_REQUESTS": at_once,
            "CONCURRENT_REQUESTS_PER_DOMAIN": at_once, "RETRY_ENABLED": False,
            "FEEDS": {items.name: {"format": "jsonlines"}}})
        crawler = process.create_crawler(Spider)
        start = time.monotonic()
        process.crawl(crawler, seed=seed)
        process.start()
        took_s = time.monotonic() - start
    pages = crawler.stats.get_value("response_received_count")
    print(json.dumps({"rate": pages / took_s, "pages": pages}))


if __name__ == "__main__":
    main()
