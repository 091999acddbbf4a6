// Opening records; which key ring, and under which Redis key they were sealed.
#include "ngx_module/record/open_record.h"

#include <utility>

#include "ngx_module/conf.h"
#include "ngx_module/metrics/metrics.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "ngx_module/ngx/wiped_area.h"
#include "ngx_module/record/cache_key.h"
#include "ngx_module/worker.h"

namespace nexus::edge {

namespace {

using SharedCaller = std::shared_ptr<const OpenedCaller>;

Result<SharedCaller> opened_caller(Lookup &lookup) {
    OpenedCallers &kept = worker()->opened_callers();
    if (lookup.is_kept) {
        SharedCaller caller = kept.find(lookup.id);
        if (caller != nullptr && caller->record().version == lookup.version) {
            return caller;
        }
        return fail(Errc::kInternal, "a caller that was kept is gone");
    }

    const Result<std::string_view> payload = open_record(lookup);
    if (!payload) {
        return tl::unexpected(payload.error());
    }
    Result<SharedCaller> caller = OpenedCaller::make(lookup.id, {lookup.version, lookup.header}, *payload);
    if (caller && lookup.version.serial != 0) {
        kept.keep(*caller);
    }
    return caller;
}

/// payload  of the lookup's record, opened
Result<record::TokenView> view_of(const Lookup &lookup, std::string_view payload) {
    KnownRecord &known = worker()->known_records().of(lookup.header.nonce);
    if (known.is_well_formed()) {
        return record::TokenView::parsed_before(payload);
    }
    Result<record::TokenView> view = record::TokenView::parse(lookup.header, payload);
    if (view) {
        known.set_well_formed();
    }
    return view;
}

}  // namespace

Result<std::string_view> open_record(Lookup &lookup) {
    const std::string redis_key = record::redis_key(lookup.kind, lookup.id);
    if (lookup.sealed.size() < record::kOverheadBytes) {
        return fail(Errc::kMalformedRecord, "the record is too short");
    }

    const std::span<char> area = std::exchange(lookup.sealed, {});
    if (!wipe_at_end(lookup.request->pool, area)) {
        return fail(Errc::kInternal, "out of memory");
    }
    const std::span<char> payload = area.subspan(record::kHeaderBytes);  // onto the ciphertext
    const Result<size_t> size = record::open_into(cache_keyring(*main_conf(lookup.request)), lookup.header,
                                                  redis_key, {area.data(), area.size()}, payload);
    if (!size) {
        return tl::unexpected<Error>(size.error());
    }
    return std::string_view{payload.data(), *size};
}

Result<OpenedToken> open_token(Lookup &lookup) {
    const Result<std::string_view> payload = open_record(lookup);
    if (!payload) {
        return tl::unexpected(payload.error());
    }
    const Result<record::TokenView> view = view_of(lookup, *payload);
    if (!view) {
        metrics::count(metrics::Counter::kRecordsRefused);
        return tl::unexpected(view.error());
    }
    return OpenedToken{*view, payload->size()};
}

Result<record::CallerView> open_caller(Lookup &lookup) {
    Result<SharedCaller> caller = opened_caller(lookup);
    if (!caller) {
        return tl::unexpected(std::move(caller).error());
    }
    const record::CallerView view = (*caller)->view();
    if (!PoolPtr<SharedCaller>::make(lookup.request->pool, std::move(*caller))) {
        return fail(Errc::kInternal, "out of memory");
    }
    return view;
}

}  // namespace nexus::edge
