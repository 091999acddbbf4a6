// One question to a provider: see document_fetch.h.
#include "control_plane/oidc/document_fetch.h"

#include <algorithm>

#include "control_plane/http/freshness.h"

namespace nexus::control {

namespace {

constexpr size_t kMaxValidatorBytes = 256;

constexpr UnixMs kFirstDelayMs = 1000;
constexpr UnixMs kLastDelayMs = 5 * 60 * 1000;
constexpr UnixMs kLastEmptyDelayMs = 30 * 1000;  // with nothing to serve, callers wait for it
constexpr UnixMs kRefusedDelayMs = 30 * 1000;

// What we would send back later: visible ASCII of a sane length, or nothing.
std::string validator(std::string_view text) {
    const bool is_sane = text.size() <= kMaxValidatorBytes &&
                         std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
    return is_sane ? std::string(text) : std::string{};
}

HttpRequest make_request(const DocumentQuestion &question) {
    HttpRequest request;
    request.url = question.known.key.url;
    request.provider = question.provider;
    request.headers = {{"Accept", "application/json"}};
    if (question.is_urgent) {
        request.headers.emplace_back("Cache-Control", "no-cache");
    }
    if (!question.known.body.empty() && !question.known.etag.empty()) {
        request.headers.emplace_back("If-None-Match", question.known.etag);
    }
    if (!question.known.body.empty() && !question.known.last_modified.empty()) {
        request.headers.emplace_back("If-Modified-Since", question.known.last_modified);
    }
    request.total_timeout = question.timeout;
    return request;
}

UnixMs fresh_until(const HttpResponse &response, UnixMs otherwise_ms, UnixMs now) {
    const std::optional<int64_t> said = fresh_for_s(response, now);
    return now + std::clamp(said ? *said * 1000 : otherwise_ms, kMinFreshMs, kMaxFreshMs);
}

Result<DocumentAnswer> still_good(const DocumentQuestion &question, const HttpResponse &response,
                                  UnixMs now) {
    const store::Document &known = question.known;
    if (known.body.empty()) {
        return fail(Errc::kProviderError, "the provider answers 304 to a request without a condition");
    }
    // RFC 9111 section 4.3.4: what the 304 does not say stays as it was.
    DocumentAnswer answer;
    answer.etag = validator(response.header("etag"));
    answer.etag = answer.etag.empty() ? known.etag : answer.etag;
    answer.last_modified = validator(response.header("last-modified"));
    answer.last_modified = answer.last_modified.empty() ? known.last_modified : answer.last_modified;
    answer.fresh_until = fresh_until(response, known.fresh_until - known.checked_at, now);
    return answer;
}

Result<DocumentAnswer> accept(const DocumentQuestion &question, const HttpResponse &response, UnixMs now) {
    const std::string_view body = response.body.view();
    if (body.size() > kMaxDocumentBytes) {
        return fail(Errc::kProviderError, "the provider's document is larger than 512 KiB");
    }
    Result<ParsedDocument> parsed = question.parse(body);
    if (!parsed) {
        return fail(parsed.error());
    }
    DocumentAnswer answer;
    answer.parsed = std::move(*parsed);
    answer.was_transferred = true;
    if (body != question.known.body) {
        answer.body = std::string(body);
    }
    answer.etag = validator(response.header("etag"));
    answer.last_modified = validator(response.header("last-modified"));
    answer.fresh_until = fresh_until(response, kDefaultFreshMs, now);
    return answer;
}

}  // namespace

Result<DocumentAnswer> fetch_document(const std::function<Result<HttpResponse>(const HttpRequest &)> &fetch,
                                      const DocumentQuestion &question, const Clock &clock) {
    const Result<HttpResponse> response = fetch(make_request(question));
    if (!response) {
        return fail(response.error());
    }
    const UnixMs now = clock();
    if (response->status == 200) {
        return accept(question, *response, now);
    }
    if (response->status == 304) {
        return still_good(question, *response, now);
    }
    const bool is_passing = response->status >= 500 || response->status == 429 || response->status == 408;
    Error error{is_passing ? Errc::kProviderUnavailable : Errc::kProviderError,
                "the provider's discovery answered with status " + std::to_string(response->status),
                {},
                response->retry_after_s(now)};
    return fail(std::move(error));
}

UnixMs failure_delay_ms(const Error &error, int64_t attempts, bool has_body) {
    const UnixMs first = error.errc == Errc::kProviderError ? kRefusedDelayMs : kFirstDelayMs;
    const UnixMs last = has_body ? kLastDelayMs : kLastEmptyDelayMs;
    const UnixMs doubled = std::min(first << std::clamp<int64_t>(attempts - 1, 0, 16), last);
    // Retry-After is obeyed, but nobody locks us out for a day.
    return std::max(doubled, std::min(error.retry_after_s * 1000, kLastDelayMs));
}

std::string failure_text(const Error &error) {
    switch (error.errc) {
        case Errc::kProviderError:
            return "refused: " + error.message;
        case Errc::kEgressDenied:
            return "denied: " + error.message;
        default:
            return "unavailable: " + error.message;
    }
}

Error failure_of(std::string_view text) {
    const size_t colon = std::min(text.find(": "), text.size());
    const std::string_view word = text.substr(0, colon);
    Error error;
    error.errc = word == "refused"  ? Errc::kProviderError
                 : word == "denied" ? Errc::kEgressDenied
                                    : Errc::kProviderUnavailable;
    error.message = text.substr(std::min(colon + 2, text.size()));
    return error;
}

}  // namespace nexus::control
