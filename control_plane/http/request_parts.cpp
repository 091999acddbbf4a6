// Header lines and form bodies are built in buffers of their final size, so that no copy of a secret stays
// behind.
#include "control_plane/http/request_parts.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "shared/encoding/hex.h"

namespace nexus::control {

namespace {

bool is_header_text(std::string_view text) noexcept {
    return std::ranges::none_of(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

/// A token (RFC 9110 section 5.1), and none of those by which a request is framed, routed or switched over:
/// they are libcurl's.
bool is_header_name(std::string_view name) {
    constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
    constexpr std::array<std::string_view, 9> kOwned{"host",    "content-length", "transfer-encoding",
                                                     "te",      "trailer",        "connection",
                                                     "upgrade", "keep-alive",     "proxy-authorization"};
    const bool is_token = !name.empty() && std::ranges::all_of(name, [&](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               kOthers.find(c) != std::string_view::npos;
    });
    return is_token && std::ranges::find(kOwned, encoding::to_lower_ascii(name)) == kOwned.end();
}

}  // namespace

HeaderList::~HeaderList() {
    for (curl_slist *line = list_.get(); line != nullptr; line = line->next) {
        std::memset(line->data, ' ', std::strlen(line->data));
    }
}

bool HeaderList::add(std::string_view name, std::string_view value) {
    if (!is_header_name(name) || !is_header_text(value)) {
        return false;
    }
    std::string line;
    line.reserve(name.size() + value.size() + 3);
    line.append(name).append(": ").append(value);  // without a value libcurl leaves the header out
    curl_slist *longer = curl_slist_append(list_.get(), line.c_str());
    wipe(line);
    if (longer == nullptr) {
        return false;
    }
    static_cast<void>(list_.release());  // the head of `longer`, unless the list was empty
    list_.reset(longer);
    return true;
}

bool HeaderList::add_all(const HttpRequest &request) {
    bool is_good = add("Expect", "") && add("User-Agent", request.user_agent);
    for (const auto &[name, value] : request.headers) {
        is_good = is_good && add(name, value);
    }
    for (const auto &[name, value] : request.secret_headers) {
        is_good = is_good && add(name, value.view());
    }
    if (request.bearer_token) {
        std::string value;
        value.reserve(request.bearer_token->size() + 7);
        value.append(request.is_dpop_bound ? "DPoP " : "Bearer ").append(request.bearer_token->view());
        is_good = is_good && add("Authorization", value);
        wipe(value);
    }
    if (request.form) {
        is_good = is_good && add("Content-Type", "application/x-www-form-urlencoded");
    } else if (request.body && !request.content_type.empty()) {
        is_good = is_good && add("Content-Type", request.content_type);
    }
    return is_good;
}

Secret encode_form(const std::vector<FormField> &fields) {
    size_t room = 0;
    for (const FormField &field : fields) {
        room += (field.name.size() + field.value.size()) * 3 + 2;
    }
    std::string text;
    text.reserve(room);
    for (const FormField &field : fields) {
        std::string value = form_encode(field.value.view());
        text.append(text.empty() ? "" : "&").append(form_encode(field.name)).append("=").append(value);
        wipe(value);
    }
    return Secret(std::move(text));
}

}  // namespace nexus::control
