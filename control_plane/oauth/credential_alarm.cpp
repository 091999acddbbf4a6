// A box of the vault that is not believed: see credential_alarm.h.
#include "control_plane/oauth/credential_alarm.h"

#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/oauth/stored_credentials.h"

namespace nexus::control {

std::string_view refusal_reason(const Error &error) noexcept {
    switch (error.errc) {
        case Errc::kSealBroken:
            return error.detail == kRolledBack ? "rolled_back" : "seal_broken";
        case Errc::kUnknownKey:
            return "unknown_key";
        case Errc::kMalformedRecord:
            return "unreadable";
        default:
            return {};
    }
}

void report_refused(const Error &error, std::string_view connection_id, Metrics *metrics) {
    const std::string_view reason = refusal_reason(error);
    if (reason.empty()) {
        return;
    }
    log::error(reason == "rolled_back" ? kRolledBack : "credential_refused",
               {{"connection_id", connection_id},
                {"reason", reason},
                {"key_id", error.errc == Errc::kUnknownKey ? error.detail : std::string()}});
    if (metrics != nullptr) {
        metrics->vault_refusal(reason);
    }
}

}  // namespace nexus::control
