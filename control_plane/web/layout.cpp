// The frame around every page: see layout.h. Contrast is at least 7:1 in both colour schemes; nothing moves.
#include "control_plane/web/layout.h"

#include "control_plane/web/html.h"

namespace nexus::control::web {

const std::string_view kStyle = R"css(
:root { color-scheme: light dark; --bg: #f6f7f9; --card: #fff; --text: #16191d; --soft: #464d57; --line: #8a929c;
  --main: #0b4f9e; --on-main: #fff; --bad: #a3120a; --good: #0a5c2b; }
@media (prefers-color-scheme: dark) { :root { --bg: #14171a; --card: #1d2125; --text: #f1f3f5; --soft: #c3cad2;
  --line: #7d8793; --main: #9ecbff; --on-main: #0a1a2b; --bad: #ffb4ab; --good: #8fe3ad; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: start center; padding: 8vh 1rem 2rem;
  background: var(--bg); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 30rem; padding: 1.5rem 2rem 2rem; background: var(--card);
  border: 1px solid var(--line); border-radius: .5rem; overflow-wrap: anywhere; }
h1 { margin: 0 0 .75rem; font-size: 1.4rem; line-height: 1.25; }
p { margin: 0 0 1rem; }
.good { border-top: .3rem solid var(--good); }
.bad { border-top: .3rem solid var(--bad); }
.soft { color: var(--soft); font-size: .875rem; }
.code { font: 1.75rem/1.4 ui-monospace, monospace; letter-spacing: .08em; }
.field { margin: 0 0 1.25rem; }
label { display: block; font-weight: 600; }
.field p { margin: .1rem 0 .3rem; }
input, select { width: 100%; padding: .55rem .6rem; font: inherit; color: inherit; background: var(--card);
  border: 1px solid var(--line); border-radius: .3rem; }
::placeholder { color: var(--soft); opacity: 1; }
[aria-invalid=true] { border: 2px solid var(--bad); }
.problem { color: var(--bad); font-weight: 600; }
button { padding: .6rem 1.2rem; font: inherit; font-weight: 600; color: var(--on-main); background: var(--main);
  border: 0; border-radius: .3rem; cursor: pointer; }
a { color: var(--main); }
:focus-visible { outline: 3px solid var(--main); outline-offset: 2px; }
)css";

std::string document(std::string_view title, std::string_view body) {
    return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
           "<meta name=\"robots\" content=\"noindex\">\n<title>" +
           escape(title) + "</title>\n<style>" + std::string{kStyle} + "</style>\n</head>\n<body>\n" +
           std::string{body} + "</body>\n</html>\n";
}

}  // namespace nexus::control::web
