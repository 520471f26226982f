# SPDX-License-Identifier: MIT
"""A web of a few hundred pages with what makes crawls go wrong, and what a crawl of it must find.

Pages link to others by several spellings, in cycles and again and again; some redirect (in
chains, in loops, to pages that are linked too), some fail, some lead into calendars that never
end.  Some set a cookie of their own.  `urls` is what a crawl of the host ends with, by a search that knows only the plan.
"""
import heapq

from origin import page, redirect, status

PAGES = 240
COOKIES = 40  # a jar keeps 50 of a site


class Site:
    def __init__(self, origin, latency_s=0.0):
        self.origin = origin
        self.plan = {}  # path -> (status, [paths linked])
        self._draw()
        for path, (code, links) in self.plan.items():
            act = self._act(path, code, links, latency_s)
            for spelling in {spell(0, path), spell(1, path)}:
                origin.at(spelling.partition("#")[0], act)
        self.depths = self._search()

    def _draw(self):
        for n in range(PAGES):
            path = self.path(n)
            if n % 17 == 9:
                self.plan[path] = (404, [])
            elif n % 29 == 13:
                self.plan[path] = (301, [self.path(n + 1)])
            else:
                self.plan[path] = (200, [self.path(k % PAGES) for k in (2 * n + 1, 2 * n + 2, 7 * n)])
        self.plan[self.path(3)] = (302, [self.path(4)])      # a chain into a page that is linked
        self.plan[self.path(4)] = (302, [self.path(9)])
        self.plan[self.path(12)] = (302, [self.path(12)])    # a loop of one, and of two
        self.plan[self.path(20)] = (302, [self.path(21)])
        self.plan[self.path(21)] = (302, [self.path(20)])
        for n in range(0, PAGES, 40):                        # calendars: a segment that repeats
            code, links = self.plan[self.path(n)]
            if code == 200:
                links.append(f"/cal{n}/next/next/next/")

    @staticmethod
    def path(n):
        return "/" if n == 0 else f"/p/{n}?b={n % 5}&a={n % 3}"

    def _act(self, path, code, links, latency_s):
        if code == 404:
            return status(404)
        if code != 200:
            return redirect(links[0], code)
        hrefs = [spell(n, link) for n, link in enumerate(links)] + [
            "mailto:x@example.com", "http://other.example/", "#top", "", path + "#here"]
        body = "".join(f"<a href='{href}'>x</a>" for href in hrefs)
        named = {"Set_Cookie": f"{self.cookie(path)}=1; Path=/"} if self.cookie(path) else {}
        return page(f"<title>{path}</title>{body}", latency_s=latency_s, **named)

    @staticmethod
    def cookie(path):
        """The name of the cookie that a page sets; None: it sets none."""
        number = path.partition("?")[0].rpartition("/")[2] or "0"
        return f"c{number}" if number.isdigit() and int(number) < COOKIES else None

    def _search(self):
        """The least depth first, then what was found first; a redirect costs no depth."""
        depths, queue = {"/": 0}, [(0, 0, "/")]
        while queue:
            depth, _, path = heapq.heappop(queue)
            code, links = self.plan[path]
            for link in links:
                if link not in depths and "/next/next/next" not in link:
                    depths[link] = depth + (code == 200)
                    heapq.heappush(queue, (depths[link], len(depths), link))
        return depths

    @property
    def urls(self):
        return {canonical(self.origin.url + path) for path in self.depths}

    def count(self, *codes):
        return sum(self.plan[path][0] in codes for path in self.depths)


def spell(n, path):
    """The same page, written another way."""
    if "?" in path and n % 2:
        base, query = path.split("?")
        path = base + "?" + "&".join(reversed(query.split("&")))
    return path + ("#part" if n % 3 == 0 else "")


def canonical(url):
    base, _, query = url.partition("?")
    return base + ("?" + "&".join(sorted(query.split("&"))) if query else "")
