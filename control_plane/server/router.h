// Routes: templates such as /connections/{id}/token to handlers. Literal segments win over parameters. 404
// and 405 (with Allow) are answered here; HEAD is served by GET. Immutable once the server runs.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "control_plane/server/message.h"

namespace nexus::control {

/// An expected failure is returned and rendered by error_response; an exception becomes a bare 500.
using Handler = std::function<Result<Response>(const Request &)>;

class Router {
public:
    /// pattern  segments separated by '/', a parameter is a whole segment: {name}
    /// Throws std::invalid_argument on a bad pattern or a duplicate: a mistake of the program.
    void add(std::string_view method, std::string_view pattern, Handler handler);

    struct Match {
        const Handler *handler = nullptr;
        std::string_view route;                 // template, for metrics; "none" if nothing matched
        std::vector<std::string_view> allowed;  // methods, when the path is known but the method is not
        std::vector<std::pair<std::string, std::string>> parameters;
        bool bad_encoding = false;
    };
    Match match(std::string_view method, std::string_view path) const;

    /// Routes, runs, renders: the whole life of a request, never throws. For the server and for tests.
    Response handle(Request &request) const noexcept;

private:
    struct Entry {
        std::string method;
        std::string pattern;
        std::vector<std::string> segments;  // "{name}" kept with its braces
        Handler handler;
    };
    std::vector<Entry> entries_;
};

}  // namespace nexus::control
