// URLs as OAuth uses them: see url.h.
#include "control_plane/url/url.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <string>

#include "shared/encoding/hex.h"
#include "shared/encoding/percent.h"

namespace nexus::control {

namespace {

struct CurlUrlDeleter {
    void operator()(CURLU *url) const noexcept { curl_url_cleanup(url); }
};
struct CurlStringDeleter {
    void operator()(char *text) const noexcept { curl_free(text); }
};
using CurlUrlPtr = std::unique_ptr<CURLU, CurlUrlDeleter>;
using CurlStringPtr = std::unique_ptr<char, CurlStringDeleter>;

bool is_printable_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '\\'; });
}

std::string part(CURLU *url, CURLUPart which, unsigned flags = 0) {
    char *text = nullptr;
    if (curl_url_get(url, which, &text, flags) != CURLUE_OK) {
        return {};
    }
    CurlStringPtr owned{text};
    return text;
}

std::string join(const QueryParams &params) {
    std::string out;
    for (const auto &[name, value] : params) {
        out.append(out.empty() ? "" : "&")
            .append(encoding::percent_encode(name))
            .append("=")
            .append(encoding::percent_encode(value));
    }
    return out;
}

// The raw pieces between '&' that are not one of `params` by decoded name.
std::string without_names(std::string_view query, const QueryParams &params) {
    std::string kept;
    while (!query.empty()) {
        size_t end = std::min(query.find('&'), query.size());
        std::string_view piece = query.substr(0, end);
        query.remove_prefix(end == query.size() ? end : end + 1);
        const Result<std::string> name = encoding::percent_decode(piece.substr(0, piece.find('=')), true);
        bool replaced = name && std::any_of(params.begin(), params.end(),
                                            [&](const auto &param) { return param.first == *name; });
        if (piece.empty() || replaced) {
            continue;
        }
        kept.append(kept.empty() ? "" : "&").append(piece);
    }
    return kept;
}

}  // namespace

Result<Url> parse_http_url(std::string_view text, std::string_view what) {
    std::string name{what};
    if (text.empty() || text.size() > kMaxUrlBytes || !is_printable_ascii(text)) {
        return fail(Errc::kInvalidRequest, name + " is not an absolute http(s) URL", name);
    }
    // curl forgives missing and surplus slashes, and so do browsers, each in its own way: none of that here.
    size_t host_at = text.find("://");
    if (host_at == std::string_view::npos || text.substr(host_at + 3).starts_with('/')) {
        return fail(Errc::kInvalidRequest, name + " is not an absolute http(s) URL", name);
    }
    CurlUrlPtr url{curl_url()};
    std::string copy{text};
    if (!url || curl_url_set(url.get(), CURLUPART_URL, copy.c_str(), 0) != CURLUE_OK) {
        return fail(Errc::kInvalidRequest, name + " is not an absolute http(s) URL", name);
    }
    Url out;
    out.scheme = part(url.get(), CURLUPART_SCHEME);
    out.host = encoding::to_lower_ascii(part(url.get(), CURLUPART_HOST));
    if ((out.scheme != "http" && out.scheme != "https") || out.host.empty()) {
        return fail(Errc::kInvalidRequest, name + " is not an absolute http(s) URL", name);
    }
    if (!part(url.get(), CURLUPART_USER).empty() || !part(url.get(), CURLUPART_PASSWORD).empty()) {
        return fail(Errc::kInvalidRequest, name + " must not carry user information", name);
    }
    if (out.host.front() == '[' && out.host.back() == ']') {
        out.host = out.host.substr(1, out.host.size() - 2);
    }
    std::string port = part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
    auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
    if (error != std::errc{} || end != port.data() + port.size() || out.port == 0) {
        return fail(Errc::kInvalidRequest, name + " has no usable port", name);
    }
    return out;
}

std::string with_query(std::string_view url, const QueryParams &params) {
    size_t hash = url.find('#');
    std::string_view fragment = hash == std::string_view::npos ? std::string_view{} : url.substr(hash);
    url = url.substr(0, hash);
    size_t mark = url.find('?');
    std::string query = mark == std::string_view::npos ? "" : without_names(url.substr(mark + 1), params);
    std::string added = join(params);
    query.append(query.empty() || added.empty() ? "" : "&").append(added);
    return std::string{url.substr(0, mark)}.append(query.empty() ? "" : "?").append(query).append(fragment);
}

}  // namespace nexus::control
