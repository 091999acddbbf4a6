// URLs are taken apart by libcurl's own parser, so that what is checked is what is asked.
#include "control_plane/http/egress_guard.h"

#include <curl/curl.h>
#include <algorithm>
#include <memory>

namespace nexus::control {

namespace {

struct FreeUrl {
    void operator()(CURLU *url) const noexcept { curl_url_cleanup(url); }
};

std::string part_of(CURLU *url, CURLUPart part) {
    char *text = nullptr;
    if (curl_url_get(url, part, &text, 0) != CURLUE_OK || text == nullptr) {
        return {};
    }
    std::string copy = text;
    curl_free(text);
    return copy;
}

}  // namespace

bool EgressGuard::allows(const sockaddr *address, bool is_plain) const noexcept {
    if (address->sa_family != AF_INET && address->sa_family != AF_INET6) {
        return false;
    }
    const bool is_named =
        std::ranges::any_of(allowed_, [&](const net::Cidr &network) { return network.contains(address); });
    return is_named || (!is_plain && !net::is_private_address(address));
}

bool is_sane_url(const std::string &url, bool &is_plain) {
    const bool is_clean = std::ranges::all_of(url, [](char c) { return c > 0x20 && c != 0x7f; });
    const std::unique_ptr<CURLU, FreeUrl> parsed(curl_url());
    if (!is_clean || !parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
        return false;
    }
    const std::string scheme = part_of(parsed.get(), CURLUPART_SCHEME);
    is_plain = scheme == "http";
    return (is_plain || scheme == "https") && !part_of(parsed.get(), CURLUPART_HOST).empty() &&
           part_of(parsed.get(), CURLUPART_USER).empty() &&
           part_of(parsed.get(), CURLUPART_PASSWORD).empty() &&
           part_of(parsed.get(), CURLUPART_FRAGMENT).empty();
}

}  // namespace nexus::control
