"""Pages as Chromium shows them: whatever is in a record, on any width, in any light, on paper."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from goldsmith.fleet.classify import Behind, Finding
from goldsmith.fleet.running import Running, Unreached
from goldsmith.fleet.survey import Survey
from goldsmith.report.publish import Beside, all_pages, build_page
from goldsmith.report.surveys import Packages, Reason, Update, Verdict

from .conftest import HOSTILE, LONG, NOON, Records, Show, controls, packages

pytestmark = pytest.mark.slow

PAGES = ("index", "full", "hostile", "empty")

VERDICT = Verdict(
    HOSTILE,
    "rebuild",
    [Reason(HOSTILE)],
    [LONG],
    [HOSTILE],
    Packages(9, 1, 1, [Update(LONG, HOSTILE, LONG, security=True, cves=[HOSTILE])]),
)
FLEET = Survey(
    "production",
    NOON,
    (
        Finding(Running("container", LONG, HOSTILE, LONG), "revoked", HOSTILE, behind=Behind(9, 9)),
        Finding(Running("host", "hosts", "web-1", "web 1"), "outdated", LONG),
        Finding(Running("instance", "1/eu-west-1", "i-0", "ami-0"), "approved"),
    ),
    (Unreached(LONG, HOSTILE, LONG),),
    0,
)

CONTRAST = """
const channel = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const light = (c) => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
const colour = (text) => { const c = text.match(/[\\d.]+/g).map(Number); return c.length > 3 && c[3] === 0 ? null : c; };
const behind = (e) => { for (; e; e = e.parentElement) { const c = colour(getComputedStyle(e).backgroundColor); if (c) return c; } return [255, 255, 255]; };
const worst = [];
for (const details of document.querySelectorAll('details')) details.open = true;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const e = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !e.checkVisibility() || ['SCRIPT', 'STYLE'].includes(e.tagName)) continue;
  const [a, b] = [light(colour(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
  if ((a + 0.05) / (b + 0.05) < 4.5 && !e.closest('i')) worst.push(e.outerHTML.slice(0, 80));
}
return worst;
"""


@pytest.fixture(scope="module")
def pages(records: Records, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    output = tmp_path_factory.mktemp("pages")
    records.build("full", packages=packages(590))
    made = {
        "full": records.build("full", packages=packages(600), compliance=controls(376), log="TASK [x]\n" * 900),
        "hostile": records.hostile(),
        "empty": records.build(
            "empty", status="failed", artifact=None, packages=(), tests=(), layers=(), phases={}, log=None
        ),
    }
    for name, record in made.items():
        build_page(records.registry, record, records.home, output / f"{name}.html")
    records.registry.promote("full@2", "production")
    beside = Beside({"full/debian-12/docker": VERDICT, "hostile/debian-12/docker": VERDICT}, FLEET)
    all_pages(records.registry, records.home, output / "index.html", beside)
    return {name: output / f"{name}.html" for name in PAGES}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_complains_of_nothing_and_fetches_nothing_but_itself(
    browser: webdriver.Chrome, show: Show, pages: dict[str, Path], name: str
) -> None:
    for width, scheme in ((375, "dark"), (768, "light"), (1280, "light")):
        show(pages[name], width, scheme=scheme)
        for folded in (True, False):
            if not folded:
                browser.execute_script("document.querySelectorAll('details').forEach((one) => one.open = true)")
            needed = browser.execute_script("return document.documentElement.scrollWidth")
            assert needed <= width, f"{needed} px at {width} px, folded: {folded}"
        assert browser.get_log("browser") == []
        asked = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
        urls = {one["params"]["request"]["url"] for one in asked if one["method"] == "Network.requestWillBeSent"}
        assert {url for url in urls if not url.startswith("data:")} == {pages[name].as_uri()}


def test_what_is_hostile_is_shown_and_not_obeyed(browser: webdriver.Chrome, show: Show, pages: dict[str, Path]) -> None:
    show(pages["hostile"])
    assert browser.execute_script("return window.owned") is None
    assert browser.find_elements(By.CSS_SELECTOR, "main script, main img") == []
    failure = browser.find_element(By.CSS_SELECTOR, ".failure pre").text
    assert "<script>window.owned=1</script>" in failure
    assert "{{7*7}}" in failure
    assert "\\x1b[31m" in failure and "\\x00" in failure and "\\x202e" in failure


def test_a_script_that_got_into_a_page_would_still_not_run(
    browser: webdriver.Chrome, show: Show, pages: dict[str, Path], tmp_path: Path
) -> None:
    injected = tmp_path / "injected.html"
    text = pages["full"].read_text()
    injected.write_text(text.replace("<main", "<script>window.owned = 1</script><main", 1))
    show(injected)
    assert browser.execute_script("return window.owned") is None
    assert "Content Security Policy" in browser.get_log("browser")[0]["message"]


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_what_is_behind_it(
    browser: webdriver.Chrome, show: Show, pages: dict[str, Path], name: str, scheme: str
) -> None:
    show(pages[name], scheme=scheme)
    assert browser.execute_script(CONTRAST) == []


def test_a_dark_scheme_is_dark(browser: webdriver.Chrome, show: Show, pages: dict[str, Path]) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        show(pages["full"], scheme=scheme)
        seen[scheme] = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert seen == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 23, 26)"}


def shown(browser: webdriver.Chrome, section: str) -> list[str]:
    script = f"return [...document.querySelectorAll('#{section} tbody tr')].filter((row) => row.checkVisibility()).map((row) => row.cells[0].textContent)"
    return list(browser.execute_script(script))


def test_packages_are_found_by_name_or_version(browser: webdriver.Chrome, show: Show, pages: dict[str, Path]) -> None:
    show(pages["full"])
    assert shown(browser, "packages") == [], "600 packages are folded at first"
    search = browser.find_element(By.CSS_SELECTOR, "#packages input")
    search.send_keys("PACKAGE-01 1.17")
    assert shown(browser, "packages") == ["package-017"]
    assert browser.find_element(By.CSS_SELECTOR, "#packages output").text == "1 of 600 shown"
    search.clear()
    search.send_keys("no such thing")
    assert shown(browser, "packages") == []
    for _ in "no such thing":
        search.send_keys(Keys.BACKSPACE)
    assert not browser.find_element(By.CSS_SELECTOR, "#packages details").get_attribute("open"), "as it was before"


def test_controls_are_narrowed_by_status_and_word(
    browser: webdriver.Chrome, show: Show, pages: dict[str, Path]
) -> None:
    show(pages["hostile"])
    failed = browser.find_element(By.CSS_SELECTOR, "#compliance button[data-status=failed]")
    failed.click()
    assert len(shown(browser, "compliance")) == 1
    assert failed.get_attribute("aria-pressed") == "true"
    failed.click()
    browser.find_element(By.CSS_SELECTOR, "#compliance button[data-status=disabled]").click()
    browser.find_element(By.CSS_SELECTOR, "#compliance input").send_keys("ssh")
    assert 0 < len(shown(browser, "compliance")) < 94


def test_images_are_found_in_the_index_and_lead_to_their_pages(
    browser: webdriver.Chrome, show: Show, pages: dict[str, Path]
) -> None:
    show(pages["index"])
    browser.find_element(By.CSS_SELECTOR, "#images button[data-status=attention]").click()
    assert [name.split()[0] for name in shown(browser, "images")] == ["empty", "full", "hostile"]
    browser.find_element(By.LINK_TEXT, "empty").click()
    assert "failed" in browser.find_element(By.TAG_NAME, "h1").text
    browser.find_element(By.LINK_TEXT, "All images").click()
    assert browser.find_element(By.TAG_NAME, "h1").text == "Images"


def test_without_scripts_everything_is_there_and_nothing_that_needs_them(
    browser: webdriver.Chrome, show: Show, pages: dict[str, Path]
) -> None:
    show(pages["full"], scripts=False)
    assert not any(tools.is_displayed() for tools in browser.find_elements(By.CLASS_NAME, "tools"))
    summary = browser.find_element(By.CSS_SELECTOR, "#packages summary")
    summary.click()
    assert browser.find_element(By.XPATH, "//td[text()='package-599']").is_displayed()


@pytest.mark.parametrize("scripts", [True, False])
def test_on_paper_everything_is_shown_and_nothing_is_to_press(
    browser: webdriver.Chrome, show: Show, pages: dict[str, Path], scripts: bool
) -> None:
    show(pages["full"], media="print", scheme="dark", scripts=scripts)
    height = "return [...document.querySelectorAll(arguments[0])].map((one) => one.getBoundingClientRect().height)"
    if scripts:
        browser.execute_script("document.querySelector('#packages tbody tr').hidden = true")
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    visible = "return [...document.querySelectorAll(arguments[0])].map((one) => one.checkVisibility())"
    rows = browser.execute_script(visible, "#packages tbody tr, #compliance tbody tr, .log")
    assert len(rows) == 600 + 376 + 1 and all(rows)
    assert max(browser.execute_script(height, "nav, .tools, button")) == 0
    (log,) = browser.execute_script(height, ".log")
    assert log > 3000, "the log is not cut off"
    assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    pdf = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})["data"])
    assert pdf.count(b"/Type /Page\n") > 10


def test_the_keyboard_reaches_the_content_and_what_scrolls(
    browser: webdriver.Chrome, show: Show, pages: dict[str, Path]
) -> None:
    show(pages["hostile"], 375)
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to the content"
    script = """
    document.querySelectorAll('details').forEach((one) => one.open = true);
    return [...document.querySelectorAll('body *')].filter((one) => one.tabIndex < 0 && one.scrollWidth > one.clientWidth
      && ['auto', 'scroll'].includes(getComputedStyle(one).overflowX) && !one.querySelector('a')).map((one) => one.outerHTML.slice(0, 80));
    """
    assert browser.execute_script(script) == []


@pytest.mark.parametrize("name", PAGES)
def test_headings_go_down_step_by_step_and_fields_have_names(
    browser: webdriver.Chrome, show: Show, pages: dict[str, Path], name: str
) -> None:
    show(pages[name])
    script = "return [...document.querySelectorAll('h1,h2,h3,h4')].map((one) => Number(one.tagName[1]))"
    levels = browser.execute_script(script)
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels)), levels
    assert browser.execute_script("return [...document.querySelectorAll('input')].every((one) => one.labels.length)")
    assert browser.execute_script("return document.querySelectorAll('table:not(:has(th[scope=col]))').length") == 0
    doubled = (
        "const ids = [...document.querySelectorAll('[id]')].map((one) => one.id); return ids.length - new Set(ids).size"
    )
    assert browser.execute_script(doubled) == 0
