// URLs as OAuth uses them: see url.h.
#include "control_plane/url/url.h"

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "shared/encoding/hex.h"
#include "shared/encoding/percent.h"
#include "shared/net/host_rule.h"

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

struct Pieces {
    std::string scheme;  // lower case
    std::string_view authority;
};

// libcurl forgives missing and surplus slashes, escapes and number forms in the host, and so do browsers,
// each in its own way: none of that here.
std::optional<Pieces> split(std::string_view text) {
    const size_t colon = text.find("://");
    if (colon == std::string_view::npos) {
        return std::nullopt;
    }
    Pieces out{encoding::to_lower_ascii(text.substr(0, colon)), text.substr(colon + 3)};
    out.authority = out.authority.substr(0, out.authority.find_first_of("/?#"));
    if ((out.scheme != "http" && out.scheme != "https") || out.authority.empty()) {
        return std::nullopt;
    }
    return out;
}

// Does the parser that will fetch the URL see the same scheme, host and port in it?
bool is_read_alike(const std::string &text, const Url &ours) {
    CurlUrlPtr url{curl_url()};
    if (!url || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_DISALLOW_USER) != CURLUE_OK) {
        return false;
    }
    std::string authority = part(url.get(), CURLUPART_HOST);
    authority.append(":").append(part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
    const Result<net::HostPort> theirs = net::parse_host_port(authority);
    return part(url.get(), CURLUPART_SCHEME) == ours.scheme && part(url.get(), CURLUPART_ZONEID).empty() &&
           theirs && theirs->host == ours.host && theirs->port == ours.port;
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
    const auto refuse = [what](std::string_view sentence) {
        return fail(Errc::kInvalidRequest, std::string{what}.append(" ").append(sentence), std::string{what});
    };
    constexpr std::string_view kNoUrl = "is not an absolute http(s) URL";
    if (text.size() > kMaxUrlBytes || !is_printable_ascii(text)) {
        return refuse(kNoUrl);
    }
    const std::optional<Pieces> pieces = split(text);
    if (!pieces) {
        return refuse(kNoUrl);
    }
    if (pieces->authority.find('@') != std::string_view::npos) {
        return refuse("must not carry user information");
    }
    Result<net::HostPort> named = net::parse_host_port(pieces->authority);
    if (!named) {
        return refuse("has no usable host and port: it is " + named.error().message);
    }
    Url out;
    out.scheme = pieces->scheme;
    out.host = std::move(named->host);
    out.port = named->port != 0 ? named->port : static_cast<uint16_t>(out.scheme == "https" ? 443 : 80);
    if (!is_read_alike(std::string{text}, out)) {
        return refuse(kNoUrl);
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
