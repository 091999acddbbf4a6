// A request's headers and body in the forms libcurl takes.
#pragma once

#include <curl/curl.h>
#include <memory>
#include <string_view>

#include "control_plane/http/http_client.h"

namespace nexus::control {

/// libcurl's list of header lines; they may hold credentials and are overwritten at the end.
class HeaderList {
public:
    HeaderList() = default;
    ~HeaderList();
    HeaderList(const HeaderList &) = delete;
    HeaderList &operator=(const HeaderList &) = delete;

    /// returns false for a name that is no token or is libcurl's own (Host, Content-Length, ...), a value
    /// with a line break or NUL, or without memory
    bool add(std::string_view name, std::string_view value);
    bool add_all(const HttpRequest &request);
    curl_slist *get() const { return list_.get(); }

private:
    struct FreeList {
        void operator()(curl_slist *list) const noexcept { curl_slist_free_all(list); }
    };
    std::unique_ptr<curl_slist, FreeList> list_;
};

/// The form as one body.
Secret encode_form(const std::vector<FormField> &fields);

}  // namespace nexus::control
