// Brings one document up to date: reads the row that all nexusd share, and if that will not do, claims it and
// asks the provider. Knows no other document and no lock of this process: that is document_cache.h's
// business.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "control_plane/oidc/document_fetch.h"
#include "control_plane/store/document_repository.h"
#include "shared/clock.h"
#include "shared/result.h"

namespace nexus::control {

class Metrics;

/// Who reads a document, and how.
struct DocumentUse {
    store::DocumentKey key;
    std::string provider;     // its name, for metrics
    int64_t ttl_s = 0;        // > 0: counts instead of what HTTP says
    int64_t cooldown_s = 30;  // between fetches for the sake of `has_key`
    DocumentParser parse;
    std::function<bool(const void *)> has_key;  // "" = any document will do
    bool is_warm_up = false;                    // nobody waits for it, and it counts as no use
};

/// What this process knows of a document.
struct DocumentState {
    ParsedDocument parsed;  // nullptr = there is nothing to serve
    store::Document row;    // the body is here during a renewal only
    std::optional<Error> error;
    double early = 0.8;  // the share of its lifetime after which it is refreshed in the background
};

enum class DocumentWish : uint8_t { kUse, kEarly };
enum class DocumentNeed : uint8_t { kNone, kDue, kKey };

/// When the document stops being fresh for this reader.
UnixMs due_at(const DocumentState &state, const DocumentUse &use) noexcept;
DocumentNeed need_of(const DocumentState &state, const DocumentUse &use, DocumentWish wish, UnixMs now);

struct DocumentOptions {
    int64_t lease_ms = 20 * 1000;  // longer than the HTTP client's total time-out
    std::chrono::milliseconds lease_poll{50};
    std::chrono::milliseconds lease_wait{10000};    // for another process, with nothing to serve
    std::chrono::milliseconds key_wait{3000};       // the same, for a key
    std::chrono::milliseconds short_timeout{4000};  // of a request, while there is something to serve
    std::function<double()> random;                 // 0..1, for jitter; none: the system's
};

class DocumentRenewal {
public:
    using Fetch = std::function<Result<HttpResponse>(const HttpRequest &)>;

    DocumentRenewal(Fetch fetch, store::Database &database, Clock clock, Metrics *metrics,
                    DocumentOptions options);

    /// Afterwards `state` is the best there is: need_of may still say that it will not do, while the provider
    /// is away, in backoff, or within the cooldown. errors kStoreUnavailable
    Result<void> run(DocumentState &state, const DocumentUse &use, DocumentWish wish);

    double random() const { return options_.random(); }

private:
    Result<void> look(DocumentState &state, const DocumentUse &use);
    bool may_wait(const DocumentState &state, const DocumentUse &use, DocumentNeed need,
                  std::chrono::milliseconds waited) const;
    Result<void> ask(DocumentState &state, const DocumentUse &use, DocumentNeed need, int64_t epoch);
    Result<void> keep(DocumentState &state, const DocumentUse &use, int64_t epoch, DocumentAnswer answer);
    void note_failure(DocumentState &state, const DocumentUse &use, int64_t epoch, Error error);
    void count(const DocumentUse &use, const Result<DocumentAnswer> &answer, double seconds) const;

    Fetch fetch_;
    store::Database &database_;
    Clock clock_;
    Metrics *metrics_;
    DocumentOptions options_;
};

}  // namespace nexus::control
