// Opening records; which key ring, and under which Redis key they were sealed.
#include "ngx_module/record_access.h"

#include "ngx_module/cache_key.h"
#include "ngx_module/conf.h"
#include "ngx_module/ngx/wiped_area.h"
#include "shared/redis/keys.h"

namespace nexus::edge {

Result<std::string_view> open_record(const Lookup &lookup) {
    const std::string redis_key =
        lookup.kind == record::Kind::kToken ? redis::token_key(lookup.id) : redis::caller_key(lookup.id);
    if (lookup.sealed.size() < record::kOverheadBytes) {
        return fail(Errc::kMalformedRecord, "the record is too short");
    }

    const std::span<char> area =
        wiped_area(lookup.request->pool, lookup.sealed.size() - record::kOverheadBytes);
    if (area.data() == nullptr) {
        return fail(Errc::kInternal, "out of memory");
    }

    const Result<size_t> size =
        record::open_into(cache_keyring(*main_conf(lookup.request)), redis_key, lookup.sealed, area);
    if (!size) {
        return tl::unexpected<Error>(size.error());
    }
    return std::string_view{area.data(), *size};
}

}  // namespace nexus::edge
