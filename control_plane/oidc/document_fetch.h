// Asks a provider for one of its documents: a conditional GET, what the answer is worth, and how long.
// Whether to ask, and what becomes of the answer, is left to document_cache.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "control_plane/http/http_client.h"
#include "control_plane/store/document_repository.h"
#include "shared/clock.h"
#include "shared/result.h"

namespace nexus::control {

inline constexpr size_t kMaxDocumentBytes = 512 * 1024;

/// HTTP's word on freshness counts within these bounds.
inline constexpr UnixMs kMinFreshMs = 5 * 60 * 1000;
inline constexpr UnixMs kMaxFreshMs = 24LL * 3600 * 1000;
inline constexpr UnixMs kDefaultFreshMs = 3600 * 1000;

/// A document as its readers want it; what it points to depends on the key's kind.
using ParsedDocument = std::shared_ptr<const void>;
/// Judges a body. errors kProviderError: it must not be used, nor replace one that was good
using DocumentParser = std::function<Result<ParsedDocument>(std::string_view body)>;

/// One question to a provider.
struct DocumentQuestion {
    const store::Document &known;  // with a body: the request is conditional on it
    const std::string &provider;   // its name, for metrics
    const DocumentParser &parse;
    bool is_urgent = false;  // caches on the way must ask too
    std::optional<std::chrono::milliseconds> timeout;
};

struct DocumentAnswer {
    ParsedDocument parsed;            // nullptr = the known body still holds
    std::optional<std::string> body;  // nullopt = the known one, also when it came again
    bool was_transferred = false;
    std::string etag;
    std::string last_modified;
    UnixMs fresh_until = 0;
};

/// errors kProviderUnavailable (retry_after_s as the provider said), kProviderError (no document, or one that
///        `parse` refuses), kEgressDenied
Result<DocumentAnswer> fetch_document(const std::function<Result<HttpResponse>(const HttpRequest &)> &fetch,
                                      const DocumentQuestion &question, const Clock &clock);

/// Milliseconds to stay away after `attempts` failures in a row, before jitter.
UnixMs failure_delay_ms(const Error &error, int64_t attempts, bool has_body);

/// A failure as the row keeps it for other processes, and back.
std::string failure_text(const Error &error);
Error failure_of(std::string_view text);

}  // namespace nexus::control
