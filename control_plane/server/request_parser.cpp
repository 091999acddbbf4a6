// No chunked bodies (the nginx in front sends Content-Length), no folded lines, no bare LF, no second
// Content-Length.
#include "control_plane/server/request_parser.h"

#include <algorithm>
#include <charconv>

#include "shared/encoding/hex.h"
#include "shared/encoding/query.h"

namespace nexus::control {

namespace {

constexpr size_t kFirstRoom = 16 * 1024;

bool is_token_character(char c) noexcept {  // RFC 9110 section 5.6.2
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) noexcept {
    return !text.empty() && std::ranges::all_of(text, is_token_character);
}

bool is_field_value(std::string_view text) noexcept {
    return std::ranges::none_of(text, [](char c) { return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f; });
}

bool is_target(std::string_view text) noexcept {  // origin-form (RFC 9112 section 3.2.1), visible ASCII only
    return text.starts_with('/') &&
           std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
}

/// Is there a line feed without a carriage return before it, at `from` or behind it?
bool has_bare_line_feed(std::string_view text, size_t from) noexcept {
    for (size_t at = text.find('\n', from); at != std::string_view::npos; at = text.find('\n', at + 1)) {
        if (at == 0 || text[at - 1] != '\r') {
            return true;
        }
    }
    return false;
}

std::string_view trim(std::string_view text) {
    const size_t first = text.find_first_not_of(" \t");
    return first == std::string_view::npos ? std::string_view()
                                           : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Does the comma separated list have that word, in any case?
bool has_word(std::string_view list, std::string_view word) {
    while (!list.empty()) {
        const size_t comma = std::min(list.find(','), list.size());
        if (encoding::to_lower_ascii(trim(list.substr(0, comma))) == word) {
            return true;
        }
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return false;
}

}  // namespace

RequestParser::~RequestParser() {
    wipe(head_);
}

RequestParser::Status RequestParser::refuse(Errc errc, std::string_view sentence) {
    error_ = Error{errc, std::string(sentence), {}, 0};
    return Status::kRefused;
}

RequestParser::Status RequestParser::feed(std::string_view bytes) {
    if (is_in_body_) {
        return add_body(bytes);
    }
    // Empty lines before a request are forgiven (RFC 9112 section 2.2), however the bytes are cut up.
    if (head_ == "\r" && bytes.starts_with('\n')) {
        head_.clear();
        bytes.remove_prefix(1);
    }
    if (head_.empty()) {
        head_.reserve(std::min<size_t>(limits_.max_head_bytes, 4096));
        while (bytes.starts_with("\r\n")) {
            bytes.remove_prefix(2);
        }
    }
    const size_t from = head_.size() < 3 ? 0 : head_.size() - 3;
    const size_t room = limits_.max_head_bytes - head_.size();
    const size_t before = head_.size();
    head_.append(bytes.substr(0, room));
    const size_t end = head_.find("\r\n\r\n", from);
    if (end == std::string::npos && has_bare_line_feed(head_, before)) {
        return refuse(Errc::kInvalidRequest, "the request is not valid HTTP/1.1");  // and will never be
    }
    if (end == std::string::npos) {
        return bytes.size() >= room ? refuse(Errc::kInvalidRequest, "the request head is too large")
                                    : Status::kMore;
    }

    const Status status = parse_head(end + 2);
    const size_t taken = end + 4 - before;
    wipe(head_);
    return status == Status::kRefused ? status : add_body(bytes.substr(taken));
}

RequestParser::Status RequestParser::parse_head(size_t head_size) {
    std::string_view rest = std::string_view(head_).substr(0, head_size);
    bool is_first = true;
    while (!rest.empty()) {
        const size_t end = rest.find("\r\n");
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(end + 2);
        if (is_first ? !parse_request_line(line) : !parse_header_line(line)) {
            return refuse(Errc::kInvalidRequest, "the request is not valid HTTP/1.1");
        }
        is_first = false;
    }
    return interpret_headers() ? Status::kMore : Status::kRefused;
}

bool RequestParser::parse_request_line(std::string_view line) {
    const size_t first = line.find(' ');
    const size_t second = line.find(' ', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) {
        return false;
    }
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, second - first - 1);
    const std::string_view version = line.substr(second + 1);
    is_http_1_0_ = version == "HTTP/1.0";
    if (!is_token(method) || method.size() > 16 || !is_target(target) ||
        (!is_http_1_0_ && version != "HTTP/1.1")) {
        return false;
    }

    is_head_method_ = method == "HEAD";
    request_.method = is_head_method_ ? "GET" : std::string(method);
    const size_t question = target.find('?');
    request_.path = std::string(target.substr(0, question));
    if (question == std::string_view::npos) {
        return true;
    }
    auto query = encoding::parse_query(target.substr(question + 1));
    if (!query) {
        return false;
    }
    request_.query = std::move(*query);
    return true;
}

bool RequestParser::parse_header_line(std::string_view line) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || request_.headers.size() >= limits_.max_headers) {
        return false;
    }
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trim(line.substr(colon + 1));
    if (!is_token(name) || !is_field_value(value)) {
        return false;  // also a folded line, which begins with a blank
    }
    request_.headers.emplace_back(encoding::to_lower_ascii(name), value);
    return true;
}

bool RequestParser::interpret_headers() {
    if (request_.header_count("host") > 1) {
        refuse(Errc::kInvalidRequest, "the request has two Host headers");
        return false;
    }
    if (request_.header_count("transfer-encoding") != 0) {
        refuse(Errc::kInvalidRequest, "Transfer-Encoding is not supported here: send Content-Length");
        return false;
    }
    const std::string_view length = request_.header("content-length");
    const auto [end, problem] = std::from_chars(length.data(), length.data() + length.size(), body_size_);
    const bool is_number = problem == std::errc() && end == length.data() + length.size();
    const size_t count = request_.header_count("content-length");
    if (count > 1 || (count == 1 && !is_number && problem != std::errc::result_out_of_range)) {
        refuse(Errc::kInvalidRequest, "Content-Length is not one number");
        return false;
    }
    if (count == 1 && (!is_number || body_size_ > limits_.max_body_bytes)) {
        refuse(Errc::kPayloadTooLarge,
               "the body is larger than " + std::to_string(limits_.max_body_bytes) + " bytes");
        return false;
    }

    body_size_ = count == 1 ? body_size_ : 0;
    const std::string_view connection = request_.header("connection");
    keeps_alive_ = is_http_1_0_ ? has_word(connection, "keep-alive") : !has_word(connection, "close");
    wants_continue_ = !is_http_1_0_ && has_word(request_.header("expect"), "100-continue");
    request_.body = Secret::zeroed(std::min(body_size_, kFirstRoom));
    is_in_body_ = true;
    return true;
}

RequestParser::Status RequestParser::add_body(std::string_view bytes) {
    const size_t size = std::min(bytes.size(), body_size_ - body_filled_);
    if (body_filled_ + size > request_.body.size()) {  // what is promised takes no memory, what comes does
        const size_t room = std::max(body_filled_ + size, 2 * request_.body.size());
        Secret larger = Secret::zeroed(std::min(room, body_size_));
        std::copy_n(request_.body.data(), body_filled_, larger.data());
        request_.body = std::move(larger);
    }
    std::copy_n(bytes.data(), size, request_.body.data() + body_filled_);
    body_filled_ += size;
    has_surplus_ = bytes.size() > size;
    if (body_filled_ < body_size_) {
        return Status::kMore;
    }
    wants_continue_ = false;
    return Status::kDone;
}

bool RequestParser::take_wants_continue() noexcept {
    return std::exchange(wants_continue_, false);
}

Request RequestParser::take() {
    is_in_body_ = false;
    body_size_ = 0;
    body_filled_ = 0;
    return std::exchange(request_, Request());
}

}  // namespace nexus::control
