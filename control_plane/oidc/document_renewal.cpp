// One document, brought up to date: see document_renewal.h.
#include "control_plane/oidc/document_renewal.h"

#include <algorithm>
#include <random>
#include <string_view>
#include <thread>

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/workers/worker_pool.h"

namespace nexus::control {

namespace {

constexpr int kMaxLostRaces = 3;
constexpr double kJitter = 0.25;

double system_random() {
    thread_local std::mt19937_64 engine{std::random_device{}()};
    return std::uniform_real_distribution<double>(0, 1)(engine);
}

// A query may hold what an operator would rather not see in a log.
std::string_view loggable(std::string_view url) {
    return url.substr(0, url.find('?'));
}

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

UnixMs due_at(const DocumentState &state, const DocumentUse &use) noexcept {
    return use.ttl_s > 0 ? state.row.checked_at + use.ttl_s * 1000 : state.row.fresh_until;
}

DocumentNeed need_of(const DocumentState &state, const DocumentUse &use, DocumentWish wish, UnixMs now) {
    const UnixMs due = due_at(state, use);
    const auto lifetime = static_cast<double>(std::max<UnixMs>(0, due - state.row.checked_at));
    const UnixMs early = state.row.checked_at + static_cast<UnixMs>(lifetime * state.early);
    if (!state.parsed || now >= (wish == DocumentWish::kEarly ? early : due)) {
        return DocumentNeed::kDue;
    }
    return use.has_key && !use.has_key(state.parsed.get()) ? DocumentNeed::kKey : DocumentNeed::kNone;
}

DocumentRenewal::DocumentRenewal(Fetch fetch, store::Database &database, Clock clock, Metrics *metrics,
                                 DocumentOptions options)
    : fetch_(std::move(fetch)),
      database_(database),
      clock_(std::move(clock)),
      metrics_(metrics),
      options_(std::move(options)) {
    if (!options_.random) {
        options_.random = system_random;
    }
}

Result<void> DocumentRenewal::run(DocumentState &state, const DocumentUse &use, DocumentWish wish) {
    std::chrono::milliseconds waited{0};
    for (int lost_races = 0; lost_races < kMaxLostRaces;) {
        if (Result<void> looked = look(state, use); !looked) {
            return looked;
        }
        const UnixMs now = clock_();
        const DocumentNeed need = need_of(state, use, wish, now);
        const bool for_key = need == DocumentNeed::kKey;
        if (need == DocumentNeed::kNone || now < state.row.next_attempt_at ||
            (for_key && now < state.row.kid_asked_at + use.cooldown_s * 1000)) {
            return {};
        }
        if (now < state.row.lease_until) {  // another process is asking
            if (wish == DocumentWish::kEarly || !may_wait(state, use, need, waited)) {
                return {};
            }
            const WaitingElsewhere waiting;
            std::this_thread::sleep_for(options_.lease_poll);
            waited += options_.lease_poll;
            continue;
        }
        const Result<std::optional<int64_t>> epoch = store::documents::claim(
            database_, use.key,
            {state.row.lease_epoch, now, options_.lease_ms, for_key, use.cooldown_s * 1000});
        if (!epoch) {
            return fail(epoch.error());
        }
        if (*epoch) {
            return ask(state, use, need, **epoch);
        }
        ++lost_races;
    }
    return {};
}

bool DocumentRenewal::may_wait(const DocumentState &state, const DocumentUse &use, DocumentNeed need,
                               std::chrono::milliseconds waited) const {
    if (use.is_warm_up) {
        return false;
    }
    return state.parsed ? need == DocumentNeed::kKey && waited < options_.key_wait
                        : waited < options_.lease_wait;
}

// Takes over what the row says. A body is judged again: another version of this program may have stored it.
Result<void> DocumentRenewal::look(DocumentState &state, const DocumentUse &use) {
    Result<store::Document> row = store::documents::get(database_, use.key);
    if (!row && row.error().errc != Errc::kNotFound) {
        return fail(row.error());
    }
    if (!row) {
        state.row = store::Document{};
        state.row.key = use.key;
        state.error.reset();
        return {};
    }
    const bool is_known =
        state.parsed && row->version == state.row.version && row->fetched_at == state.row.fetched_at;
    state.row = std::move(*row);
    state.error.reset();
    if (!state.row.error.empty()) {
        state.error = failure_of(state.row.error);
    }
    if (is_known || state.row.body.empty()) {
        return {};
    }
    Result<ParsedDocument> parsed = use.parse(state.row.body);
    if (parsed) {
        state.parsed = std::move(*parsed);
    } else {
        state.row.body.clear();
    }
    return {};
}

Result<void> DocumentRenewal::ask(DocumentState &state, const DocumentUse &use, DocumentNeed need,
                                  int64_t epoch) {
    const auto start = std::chrono::steady_clock::now();
    DocumentQuestion question{state.row, use.provider, use.parse, need == DocumentNeed::kKey, std::nullopt};
    if (state.parsed || use.is_warm_up) {
        question.timeout = options_.short_timeout;
    }
    Result<DocumentAnswer> answer = fetch_document(fetch_, question, clock_);
    count(use, answer, seconds_since(start));
    if (!answer) {
        note_failure(state, use, epoch, answer.error());
        return {};
    }
    return keep(state, use, epoch, std::move(*answer));
}

Result<void> DocumentRenewal::keep(DocumentState &state, const DocumentUse &use, int64_t epoch,
                                   DocumentAnswer answer) {
    const UnixMs now = clock_();
    if (answer.parsed) {
        state.parsed = answer.parsed;
    }
    store::DocumentCheck check;
    check.body = std::move(answer.body);
    check.etag = std::move(answer.etag);
    check.last_modified = std::move(answer.last_modified);
    check.fresh_until = answer.fresh_until;
    check.lacks_kid = use.has_key && !use.has_key(state.parsed.get());
    const bool is_new = check.body.has_value();
    log::write(is_new ? log::Level::kInfo : log::Level::kDebug,
               answer.was_transferred ? "oidc_document_fetched" : "oidc_document_not_modified",
               {{"kind", use.key.kind},
                {"url", loggable(use.key.url)},
                {"issuer", use.key.issuer},
                {"changed", is_new},
                {"fresh_s", (check.fresh_until - now) / 1000}});
    const Result<bool> stored = store::documents::put(database_, use.key, epoch, check, now);
    if (stored && !*stored) {
        return look(state, use);  // it took longer than the lease: somebody else's word is newer
    }
    state.row.version += is_new ? 1 : 0;
    state.row.fetched_at = is_new ? now : state.row.fetched_at;
    state.row.checked_at = now;
    state.row.fresh_until = check.fresh_until;
    state.row.next_attempt_at = 0;
    state.row.lease_until = 0;
    state.row.attempts = 0;
    state.error.reset();
    return {};  // also while the database is away: what was fetched is good
}

void DocumentRenewal::note_failure(DocumentState &state, const DocumentUse &use, int64_t epoch, Error error) {
    const UnixMs delay = failure_delay_ms(error, state.row.attempts + 1, state.parsed != nullptr);
    state.row.attempts += 1;
    state.row.lease_until = 0;
    state.row.next_attempt_at =
        clock_() + delay + static_cast<UnixMs>(static_cast<double>(delay) * kJitter * random());
    state.row.error = failure_text(error);
    const bool is_refused = error.errc == Errc::kProviderError;
    log::warn(is_refused     ? "oidc_document_refused"
              : state.parsed ? "oidc_document_stale"
                             : "oidc_document_unavailable",
              {{"kind", use.key.kind},
               {"url", loggable(use.key.url)},
               {"issuer", use.key.issuer},
               {"reason", error.message},
               {"serves_old", state.parsed != nullptr},
               {"attempts", state.row.attempts},
               {"age_s", state.parsed ? (clock_() - state.row.checked_at) / 1000 : 0},
               {"next_attempt_s", (state.row.next_attempt_at - clock_()) / 1000}});
    state.error = std::move(error);
    // If this cannot be written, the lease runs out by itself.
    (void)store::documents::failed(database_, use.key, epoch, state.row.error, state.row.next_attempt_at);
}

void DocumentRenewal::count(const DocumentUse &use, const Result<DocumentAnswer> &answer,
                            double seconds) const {
    if (metrics_ == nullptr) {
        return;
    }
    if (use.key.kind == "discovery") {
        metrics_->oidc_discovery(answer ? "success" : "error", seconds);
    } else {
        metrics_->oidc_jwks_fetch(!answer ? "error" : answer->was_transferred ? "fetched" : "not_modified");
    }
}

}  // namespace nexus::control
