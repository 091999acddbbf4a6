// Gives a connection its credentials: see activation.h.
#include "control_plane/services/connections/activation.h"

#include "control_plane/log/log.h"
#include "control_plane/store/identity_repository.h"
#include "control_plane/store/provider_repository.h"

namespace nexus::control {

Result<store::Connection> activate(store::Transaction &sql, const Vault &vault,
                                   const store::Connection &connection, const StoredCredentials &credentials,
                                   store::ConnectionChange change, audit::Event event, UnixMs now) {
    // It may have been deleted while its answer was on the way.
    if (Result<store::Provider> provider = store::providers::get(sql, connection.provider_id); !provider) {
        return fail(provider.error());
    }
    Result<int64_t> version = store::tokens::next_version(sql, connection.id);
    if (!version) {
        return fail(version.error());
    }
    Result<store::Token> token = seal_credentials(vault, connection, *version, credentials, now);
    if (!token) {
        return fail(token.error());
    }
    if (Result<void> written = store::tokens::put(sql, *token); !written) {
        return fail(written.error());
    }
    change.state = connection::State::kActive;
    return store::change_connection(sql, connection.id, connection.generation, change, std::move(event), now);
}

Result<void> forget_account(store::Transaction &sql, std::string_view connection_id) {
    return store::tokens::erase(sql, connection_id).and_then([&] {
        return store::identities::erase(sql, connection_id);
    });
}

void announce_active(OutboxDrainer &drainer, const store::Connection &connection) {
    log::info("connection_active", {{"connection_id", connection.id}, {"generation", connection.generation}});
    (void)drainer.flush(redis::EventKind::kToken, connection.id, connection.generation);
}

}  // namespace nexus::control
