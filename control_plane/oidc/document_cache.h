// Providers' documents, in memory in front of the rows that all nexusd share (docs/decisions/0029). What is
// known is served at once; one caller at a time looks further, others wait only where there is nothing to
// serve, or for a key. An outage serves what there is, however old.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>

#include "control_plane/oidc/document_renewal.h"

namespace nexus::control {

class DocumentCache {
public:
    using Fetch = DocumentRenewal::Fetch;

    DocumentCache(Fetch fetch, store::Database &database, Clock clock, Metrics *metrics = nullptr,
                  DocumentOptions options = {});

    /// The best there is: also a stale one, and one without the key that `use.has_key` looks for.
    /// errors kProviderError, kProviderUnavailable, kEgressDenied, kStoreUnavailable: there is none
    Result<ParsedDocument> get(const DocumentUse &use);

    // For the keeper.
    /// Refreshes the document that has most need of it, before its readers notice. returns false if none has
    bool refresh_one();
    /// Writes down what was used since the last time.
    void write_uses();
    /// Deletes the rows that nobody uses any more. returns how many
    int64_t forget_unused();
    void report_ages();

    static constexpr size_t kMaxEntries = 4096;
    static constexpr UnixMs kLookAgainMs = 1000;               // between looks at the row that gained nothing
    static constexpr UnixMs kKeepWarmMs = 72LL * 3600 * 1000;  // refreshed so long after its last use
    static constexpr UnixMs kForgetMs = 30LL * 24 * 3600 * 1000;
    static constexpr UnixMs kForgetEmptyMs = 3600 * 1000;  // what never was good
    static constexpr UnixMs kTouchMs = 10 * 60 * 1000;

private:
    struct Entry {
        DocumentState state;
        DocumentUse use;  // of the last renewal, without has_key
        bool is_renewing = false;
        UnixMs look_again_at = 0;
        UnixMs last_used_at = 0;
        unsigned waiters = 0;
        std::condition_variable renewed;

        bool is_warm(UnixMs now) const {
            return state.parsed && now - std::max(last_used_at, state.row.last_used_at) < kKeepWarmMs;
        }
    };

    std::shared_ptr<Entry> entry_of(const store::DocumentKey &key);
    void make_room();
    void renew(std::unique_lock<std::mutex> &lock, Entry &entry, const DocumentUse &use, DocumentWish wish);
    void wait_for_renewal(std::unique_lock<std::mutex> &lock, Entry &entry) const;
    Result<ParsedDocument> answer(const Entry &entry, const DocumentUse &use) const;
    void count(const DocumentUse &use, std::string_view result) const;

    store::Database &database_;
    Clock clock_;
    Metrics *metrics_;
    DocumentOptions options_;
    DocumentRenewal renewal_;
    std::mutex mutex_;
    std::map<store::DocumentKey, std::shared_ptr<Entry>> entries_;
};

}  // namespace nexus::control
