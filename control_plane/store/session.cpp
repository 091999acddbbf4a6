// What callers and logs learn of a failed statement: never its values, which a database's own message may
// quote.
#include "control_plane/store/session.h"

#include "control_plane/log/log.h"

namespace nexus::control::store {

tl::unexpected<Error> Session::failed(Failure failure, std::string_view code, std::string_view sql) {
    failure_ = failure;
    code_ = code;
    if (failure == Failure::kConflict) {
        return fail(Errc::kConflict, "the object exists already, or something it refers to is gone");
    }
    if (failure != Failure::kRetry) {
        log::warn("database_failure", {{"code", code}, {"statement", sql.substr(0, 100)}});
    }
    Error error{Errc::kStoreUnavailable, "the database is not available", {}, 1};
    return fail(std::move(error));
}

}  // namespace nexus::control::store
