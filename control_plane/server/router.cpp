// Matching a path against the templates. There are some dozens of routes: a scan is faster than it is
// interesting.
#include "control_plane/server/router.h"

#include <algorithm>
#include <stdexcept>

#include "control_plane/log/log.h"
#include "shared/encoding/percent.h"
#include "shared/encoding/utf8.h"

namespace nexus::control {

namespace {

constexpr size_t kMaxSegments = 16;

std::vector<std::string_view> split_path(std::string_view path) {
    std::vector<std::string_view> segments;
    path.remove_prefix(std::min<size_t>(1, path.size()));  // the leading slash
    while (segments.size() <= kMaxSegments) {
        const size_t slash = path.find('/');
        segments.push_back(path.substr(0, slash));
        if (slash == std::string_view::npos) {
            break;
        }
        path.remove_prefix(slash + 1);
    }
    return segments;
}

bool is_parameter(std::string_view segment) noexcept {
    return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

/// Two templates are alike if they match the same paths.
bool alike(const std::vector<std::string> &a, const std::vector<std::string> &b) {
    return std::ranges::equal(a, b, [](const std::string &x, const std::string &y) {
        return x == y || (is_parameter(x) && is_parameter(y));
    });
}

bool covers(const std::vector<std::string> &pattern, const std::vector<std::string_view> &path) {
    return std::ranges::equal(pattern, path, [](const std::string &wanted, std::string_view segment) {
        return is_parameter(wanted) ? !segment.empty() : wanted == segment;
    });
}

/// Is `a` the better match: literal where `b` has a parameter, leftmost first?
bool is_more_specific(const std::vector<std::string> &a, const std::vector<std::string> &b) {
    for (size_t i = 0; i < a.size(); ++i) {
        if (is_parameter(a[i]) != is_parameter(b[i])) {
            return is_parameter(b[i]);
        }
    }
    return false;
}

}  // namespace

void Router::add(std::string_view method, std::string_view pattern, Handler handler) {
    if (!pattern.starts_with('/') || method.empty() || !handler) {
        throw std::invalid_argument("bad route " + std::string(pattern));
    }
    Entry entry{std::string(method), std::string(pattern), {}, std::move(handler)};
    for (const std::string_view segment : split_path(pattern)) {
        if (!is_parameter(segment) && segment.find_first_of("{}") != std::string_view::npos) {
            throw std::invalid_argument("bad parameter in route " + entry.pattern);
        }
        entry.segments.emplace_back(segment);
    }
    for (const Entry &known : entries_) {
        if (known.method == entry.method && alike(known.segments, entry.segments)) {
            throw std::invalid_argument("duplicate route " + entry.pattern);
        }
    }
    entries_.push_back(std::move(entry));
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
    Match match;
    match.route = "none";
    const std::vector<std::string_view> segments = split_path(path);
    const Entry *best = nullptr;
    for (const Entry &entry : entries_) {
        if (covers(entry.segments, segments) &&
            (best == nullptr || is_more_specific(entry.segments, best->segments))) {
            best = &entry;
        }
    }
    if (best == nullptr) {
        return match;
    }

    match.route = best->pattern;
    for (const Entry &entry : entries_) {
        if (!alike(entry.segments, best->segments)) {
            continue;
        }
        match.allowed.push_back(entry.method);
        if (entry.method == method) {
            match.handler = &entry.handler;
            best = &entry;
        }
    }
    if (match.handler == nullptr) {
        return match;
    }
    match.route = best->pattern;
    for (size_t i = 0; i < segments.size(); ++i) {
        const std::string_view name = best->segments[i];
        if (is_parameter(name)) {
            Result<std::string> value = encoding::percent_decode(segments[i], false);
            match.bad_encoding = match.bad_encoding || !value || !encoding::is_utf8(*value);
            match.parameters.emplace_back(name.substr(1, name.size() - 2), value.value_or(std::string()));
        }
    }
    return match;
}

Response Router::handle(Request &request) const noexcept {
    const log::RequestScope scope(request.request_id);
    try {
        Match found = match(request.method, request.path);
        request.route = found.route;
        if (found.handler == nullptr) {
            if (found.allowed.empty()) {
                return error_response({Errc::kNotFound, "there is no such route", {}, 0}, request.request_id);
            }
            std::string allow;
            for (const std::string_view method : found.allowed) {
                allow.append(allow.empty() ? "" : ", ").append(method == "GET" ? "GET, HEAD" : method);
            }
            return error_response({Errc::kMethodNotAllowed, "this route does not know that method", {}, 0},
                                  request.request_id)
                .with("Allow", allow);
        }
        if (found.bad_encoding) {
            return error_response({Errc::kInvalidRequest, "the URL has a bad percent-encoding", {}, 0},
                                  request.request_id);
        }
        request.path_parameters = std::move(found.parameters);

        Result<Response> response = (*found.handler)(request);
        if (response) {
            return std::move(*response);
        }
        if (errc_info(response.error().errc).http_status == 500) {
            log::error("request_failed", {{"route", request.route}, {"message", response.error().message}});
        }
        return error_response(response.error(), request.request_id);
    } catch (const std::exception &e) {
        // Its text may quote anything, so the log gets its type only.
        log::error("exception_in_handler", {{"route", request.route}, {"type", typeid(e).name()}});
    } catch (...) {
        log::error("exception_in_handler", {{"route", request.route}});
    }
    return error_response({Errc::kInternal, "", {}, 0}, request.request_id);
}

}  // namespace nexus::control
