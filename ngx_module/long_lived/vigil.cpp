// A look into L1 copies nothing as long as the record is the one that was seen last.
#include "ngx_module/long_lived/vigil.h"

#include "ngx_module/conf.h"
#include "ngx_module/ngx/own_request.h"
#include "ngx_module/worker.h"
#include "shared/connection/state.h"

namespace nexus::edge {

namespace {

constexpr size_t kPoolBytes = 1024;
constexpr ngx_msec_t kQuietMs = 5000;

/// A token that has expired, replaced or not, was not taken back: what that means for those who use it is not
/// ours to say.
bool is_usable(const record::Header &header) noexcept {
    if (header.kind == record::Kind::kToken) {
        return cache::is_active(header.kind, header.state) ||
               header.state == static_cast<uint8_t>(connection::State::kExpired);
    }
    return cache::is_active(header.kind, header.state) && !header.is_expired(now_ms());
}

}  // namespace

Vigil::Vigil(const Access &access) noexcept
    : access_(access), watched_{{record::Kind::kToken, access.token_lookup.id, {}}, {}}, count_(1) {
    if (access.caller && !access.caller_lookup.id.empty()) {
        watched_[count_++] = {record::Kind::kCaller, access.caller_lookup.id, {}};
    }
}

Vigil::~Vigil() {
    if (asking_ != nullptr) {
        drop_own_request(asking_);
    }
}

bool Vigil::look() noexcept {
    for (size_t i = 0; i < count_ && !is_withdrawn_; ++i) {
        is_withdrawn_ = !look(watched_[i]);
    }
    return !is_withdrawn_;
}

bool Vigil::look(Watched &watched) noexcept {
    Worker *w = worker();
    const auto key = cache::parse_key(watched.kind, watched.id);
    ngx_pool_t *pool = ngx_create_pool(kPoolBytes, access_.request->connection->log);
    if (w == nullptr || !key || pool == nullptr) {
        return true;
    }
    const cache::Found found = w->records().read(*key, pool, watched.kept ? &*watched.kept : nullptr);
    ngx_destroy_pool(pool);
    if (found.not_found) {
        return false;
    }
    if (found.freshness != cache::Freshness::kMiss) {
        if (!is_usable(found.header)) {
            return false;
        }
        watched.kept.emplace(cache::KeptRecord{found.version, found.header});
    }
    if (found.freshness != cache::Freshness::kFresh && found.freshness != cache::Freshness::kPutOff) {
        ask(watched);
    }
    return !is_withdrawn_;
}

void Vigil::ask(const Watched &watched) noexcept {
    if (asking_ != nullptr || static_cast<ngx_msec_int_t>(quiet_until_ - ngx_current_msec) > 0) {
        return;
    }
    asking_ = make_own_request(core_srv_conf(access_.request), ngx_cycle->log);
    if (asking_ == nullptr) {
        return;
    }
    lookup_ = {};
    lookup_.request = asking_;
    lookup_.kind = watched.kind;
    lookup_.id = watched.id;
    lookup_.done = on_answer;
    lookup_.data = this;
    if (start_lookup(&lookup_) != NGX_AGAIN) {
        take_answer();
    }
}

void Vigil::take_answer() noexcept {
    switch (lookup_.status) {
        case LookupStatus::kFound:
            is_withdrawn_ = !is_usable(lookup_.header);
            break;
        case LookupStatus::kNotFound:
            is_withdrawn_ = true;
            break;
        default:  // as for requests: what was good goes on while nobody can say otherwise
            quiet_until_ = ngx_current_msec + kQuietMs;
    }
    drop_own_request(asking_);
    asking_ = nullptr;
}

void Vigil::on_answer(Lookup *lookup) noexcept {
    static_cast<Vigil *>(lookup->data)->take_answer();
}

}  // namespace nexus::edge
