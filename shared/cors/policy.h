// CORS as the Fetch standard has it (https://fetch.spec.whatwg.org/#http-cors-protocol), seen from the
// server: what a request asks for, whether a browser will let its page have it, and the header lines that
// tell the browser so. Pure; where requests come from and lines go to is ngx_module/cors/cors.cpp's business.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/cors/origin.h"
#include "shared/http1/header_block.h"
#include "shared/result.h"

namespace nexus::cors {

/// What an operator says; Policy::make checks it.
struct Settings {
    OriginSet origins;
    std::vector<std::string> methods;
    std::vector<std::string> headers;  // of requests, beside those that need no permission
    std::vector<std::string> expose;   // of answers, likewise
    bool reflect_headers = false;      // every request header: `headers` is empty
    unsigned max_age_s = 0;
    bool credentials = false;
    bool private_network = false;
};

/// A list of methods or of field names, separated by commas or blanks. errors kInvalidRequest, naming the
/// entry
Result<std::vector<std::string>> parse_methods(std::string_view text);
Result<std::vector<std::string>> parse_field_names(std::string_view text);

/// What a request says about itself. A header that came twice counts as `repeated`: browsers send each once.
struct Request {
    struct Field {
        std::string_view value = {};
        bool is_present = false;
        bool is_repeated = false;
    };

    std::string_view method;
    Field origin;
    Field requested_method = {};           // Access-Control-Request-Method
    Field requested_headers = {};          // Access-Control-Request-Headers
    Field requested_private_network = {};  // Access-Control-Request-Private-Network
    std::string_view fetch_site = {};      // Sec-Fetch-Site
    std::string_view host = {};            // Host
    bool is_upgrade = false;               // WebSocket: no CORS, and more than a read
};

enum class Verdict : uint8_t {
    kNone,       // no Origin header, or the page's own server
    kSimple,     // an origin that is allowed
    kPreflight,  // a preflight that lets the request go ahead
    kDenied,     // an origin that is not allowed, or a preflight that fails
};

struct Judgement {
    Verdict verdict = Verdict::kNone;
    bool is_preflight = false;
    bool is_allowed_origin = false;
    bool is_refused = false;  // changes something, of an origin or by a method that is not allowed
};

/// Header lines of an answer; they point into the policy and the request.
struct Answer {
    std::array<http1::HeaderLine, 6> lines{};
    size_t line_count = 0;
    std::span<const std::string_view> vary = {};  // field names that must be in Vary

    std::span<const http1::HeaderLine> headers() const noexcept { return {lines.data(), line_count}; }
};

class Policy {
public:
    /// errors kInvalidRequest: a combination that browsers refuse, or that opens credentials to everybody
    static Result<Policy> make(Settings settings);

    Judgement judge(const Request &request) const noexcept;

    /// What the answer to `request` says. Without an Origin too: caches must know what it depends on.
    Answer answer(const Request &request, const Judgement &judgement) const noexcept;

    bool allows_any_origin() const noexcept { return settings_.origins.allows_any(); }

private:
    explicit Policy(Settings settings);

    bool allows_method(std::string_view method) const noexcept;
    bool allows_header(std::string_view name) const noexcept;
    bool passes(const Request &preflight) const noexcept;

    Settings settings_;
    std::string methods_;  // as in the header lines
    std::string headers_;
    std::string expose_;
    std::string max_age_;
    std::array<std::string_view, 4> preflight_vary_{};
    size_t preflight_vary_count_ = 0;
};

/// Is `name` listed in a Vary line's value, or is everything ("*")?
bool is_in_vary(std::string_view value, std::string_view name) noexcept;

}  // namespace nexus::cors
