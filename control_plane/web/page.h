// The pages people see, as HTML: one layout, no script, nothing loaded from anywhere. What they say is
// decided elsewhere; status, cookies and negotiation are api/'s.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/secret.h"

namespace nexus::control::web {

/// A sentence or two, and at most one way on.
struct MessagePage {
    enum class Kind : uint8_t { kGood, kBad };
    Kind kind = Kind::kBad;
    std::string title;
    std::vector<std::string> paragraphs;
    std::string code;       // to be typed in elsewhere; "" = none
    std::string link;       // an http(s) URL to go on to; "" = none
    std::string link_text;  // of the link
    std::string footnote;   // below them; "" = none
    std::string reference;  // request id, for whoever is asked for help; "" = none
    std::string button;     // text of a button that posts back to the page's own address; "" = none
};

/// One field of a form. Value and problem are what came of the last try.
struct FormField {
    std::string name;
    std::string label;
    std::string description;
    std::string placeholder;
    std::string value;                 // never of a secret field
    std::vector<std::string> options;  // a choice among them
    std::string type = "text";         // of <input>: text, password, email, url
    bool is_required = false;
    std::string problem;  // "is required"; "" = none
};

struct FormPage {
    std::string title;
    std::string description;
    std::vector<FormField> fields;
    std::string button;
    std::string state;  // hidden; binds the form to the browser
};

/// Name of the form's hidden field; no property of a credential schema can be called so.
inline constexpr std::string_view kStateField = "_state";

std::string render(const MessagePage &page);
Secret render(const FormPage &page);

/// The Content-Security-Policy of every page: its own style, forms to us, and nothing else. Browsers hold
/// `form-action` against the redirect that answers a form as well, which leads to https somewhere, or to
/// plain http on loopback.
/// allow_http  the redirect may lead there
std::string content_security_policy(bool allow_http);

}  // namespace nexus::control::web
