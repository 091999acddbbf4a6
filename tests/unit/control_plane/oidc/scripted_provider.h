// A provider's documents for the tests: ETag and Last-Modified as real servers have them, counted, and broken
// on demand. Safe for several threads.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "control_plane/http/http_client.h"

namespace nexus::test {

class ScriptedProvider {
public:
    struct Page {
        std::string body;
        std::string etag;
        std::string last_modified;
        std::string cache_control;
        std::string retry_after;
        int status = 200;
        bool is_down = false;
        Errc down_errc = Errc::kProviderUnavailable;
        int requests = 0;
        int transfers = 0;  // bodies sent
        std::string last_condition;
    };

    Page &operator[](const std::string &url) { return pages_[url]; }
    int requests() const {
        int sum = 0;
        for (const auto &[url, page] : pages_) {
            sum += page.requests;
        }
        return sum;
    }
    void set_down(bool is_down) {
        for (auto &[url, page] : pages_) {
            page.is_down = is_down;
        }
    }
    /// Called before each answer, without the lock.
    std::function<void(const std::string &url)> on_request;

    Result<control::HttpResponse> answer(const control::HttpRequest &request) {
        {
            const std::scoped_lock lock(mutex_);
            pages_[request.url].requests += 1;
        }
        if (on_request) {
            on_request(request.url);
        }
        const std::scoped_lock lock(mutex_);
        Page &page = pages_[request.url];
        if (page.is_down) {
            return fail(page.down_errc, "no answer");
        }
        std::string none_match;
        std::string modified_since;
        for (const auto &[name, value] : request.headers) {
            none_match = name == "If-None-Match" ? value : none_match;
            modified_since = name == "If-Modified-Since" ? value : modified_since;
        }
        page.last_condition = none_match + modified_since;
        control::HttpResponse response;
        response.status = page.status;
        for (const auto &[name, value] :
             {std::pair{"etag", page.etag}, std::pair{"last-modified", page.last_modified},
              std::pair{"cache-control", page.cache_control}, std::pair{"retry-after", page.retry_after}}) {
            if (!value.empty()) {
                response.headers.emplace_back(name, value);
            }
        }
        const bool is_same =
            (!page.etag.empty() && none_match == page.etag) ||
            (none_match.empty() && !page.last_modified.empty() && modified_since == page.last_modified);
        if (page.status == 200 && is_same) {
            response.status = 304;
            return response;
        }
        page.transfers += page.status == 200 ? 1 : 0;
        response.body = Secret{std::string_view{page.body}};
        return response;
    }

private:
    std::mutex mutex_;
    std::map<std::string, Page> pages_;
};

}  // namespace nexus::test
