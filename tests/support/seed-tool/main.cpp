// nexus-seed: real connections, sealed by the product's own libraries, straight into the database.
//
//   nexus-seed COUNT      COUNT active connections of a new api_key provider "seeded" in the workspace
//   "seeded", with
//                         the credential api_key = "secret-1-<connection id>". Prints one id a line. Audits
//                         nothing.
//   nexus-seed renew ID   the next version of a credential, "secret-<version>-<connection id>", as the
//   product
//                         stores one: audited, with everything that belongs to it.
//   nexus-seed oauth ID   an active connection of the OAuth provider ID for each line "REFRESH_TOKEN
//                         EXPIRES_AT" (Unix ms) of standard input. Prints one id a line, in their order.
//                         Audits nothing; the queue of refreshes is the caller's.
//
// DATABASE_URL and ENCRYPTION_KEY are nexusd's; the database must have its schema and its audit key.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "control_plane/config/urls.h"
#include "control_plane/services/audit/audit_key.h"
#include "control_plane/services/connections/activation.h"
#include "control_plane/store/provider_repository.h"
#include "shared/crypto/random.h"

namespace nexus::control {
namespace {

constexpr int kBatch = 500;

int problem(const std::string &sentence) {
    std::fprintf(stderr, "nexus-seed: %s\n", sentence.c_str());
    return 1;
}

StoredCredentials credentials_of(const std::string &id, int64_t version) {
    StoredCredentials credentials;
    credentials.usage.emplace_back("api_key", Secret{"secret-" + std::to_string(version) + "-" + id});
    return credentials;
}

StoredCredentials oauth_credentials(const std::string &refresh_token) {
    StoredCredentials credentials;
    credentials.usage.emplace_back("access_token", Secret{std::string_view("seeded")});
    credentials.usage.emplace_back("token_type", Secret{std::string_view("Bearer")});
    credentials.refresh_token = Secret{std::string_view(refresh_token)};
    return credentials;
}

store::Connection make_connection(const std::string &provider_id, UnixMs now) {
    store::Connection connection;
    connection.id = crypto::random_uuid();
    connection.workspace_id = "seeded";
    connection.user_id = "user";
    connection.provider_id = provider_id;
    connection.state = connection::State::kActive;
    connection.return_url = "http://127.0.0.1/";
    connection.created_at = connection.updated_at = now;
    return connection;
}

struct Seed {
    store::Connection connection;
    StoredCredentials credentials;
};

Result<void> add(store::Transaction &sql, const Vault &vault, const Seed &seed) {
    Result<store::Token> token =
        seal_credentials(vault, seed.connection, 1, seed.credentials, seed.connection.created_at);
    if (!token) {
        return fail(token.error());
    }
    Result<void> created = store::connections::create(sql, seed.connection);
    return created ? store::tokens::put(sql, *token) : created;
}

Result<void> add_all(store::Database &database, const Vault &vault, const std::vector<Seed> &batch) {
    Result<void> written = database.transact([&](store::Transaction &sql) -> Result<void> {
        for (const Seed &seed : batch) {
            if (Result<void> added = add(sql, vault, seed); !added) {
                return added;
            }
        }
        return {};
    });
    if (written) {
        for (const Seed &seed : batch) {
            std::printf("%s\n", seed.connection.id.c_str());
        }
    }
    return written;
}

Result<void> seed(store::Database &database, const Vault &vault, int count) {
    const UnixMs now = system_now_ms();
    store::Provider provider;
    provider.id = crypto::random_uuid();
    provider.name = "seeded";
    provider.auth_type = "api_key";
    provider.api_base_url = "http://127.0.0.1:9/";
    provider.created_at = provider.updated_at = now;
    if (Result<void> created = store::providers::create(database, provider); !created) {
        return created;
    }
    for (int done = 0; done < count; done += kBatch) {
        std::vector<Seed> batch;
        for (int i = done; i < std::min(done + kBatch, count); ++i) {
            store::Connection connection = make_connection(provider.id, now);
            StoredCredentials credentials = credentials_of(connection.id, 1);
            batch.push_back(Seed{std::move(connection), std::move(credentials)});
        }
        if (Result<void> written = add_all(database, vault, batch); !written) {
            return written;
        }
    }
    return {};
}

Result<void> oauth(store::Database &database, const Vault &vault, const std::string &provider_id) {
    const UnixMs now = system_now_ms();
    for (;;) {
        std::vector<Seed> batch;
        std::string refresh_token;
        UnixMs expires_at = 0;
        while (batch.size() < size_t{kBatch} && std::cin >> refresh_token >> expires_at) {
            store::Connection connection = make_connection(provider_id, now);
            connection.expires_at = expires_at;
            connection.refreshable = true;
            batch.push_back(Seed{std::move(connection), oauth_credentials(refresh_token)});
        }
        if (batch.empty()) {
            return {};
        }
        if (Result<void> written = add_all(database, vault, batch); !written) {
            return written;
        }
    }
}

Result<void> renew(store::Database &database, const Vault &vault, const std::string &id) {
    if (Result<void> loaded = load_audit_chain(database, vault, system_now_ms); !loaded) {
        return loaded;
    }
    return database.transact([&](store::Transaction &sql) -> Result<void> {
        Result<store::Connection> connection = store::connections::get(sql, id);
        if (!connection) {
            return fail(connection.error());
        }
        audit::Event event;
        event.type = audit::kCredentialCaptured;
        event.actor = "system";
        return activate(sql, vault, *connection, credentials_of(id, connection->token_version + 1), {}, event,
                        system_now_ms())
            .map([](const store::Connection &) {});
    });
}

int run(int argc, char **argv) {
    const std::string_view command = argc == 3 ? argv[1] : "";
    const bool is_renewal = command == "renew";
    const bool is_oauth = command == "oauth";
    const int count = argc == 2 ? std::atoi(argv[1]) : 0;
    const char *url = std::getenv("DATABASE_URL");
    const char *key = std::getenv("ENCRYPTION_KEY");
    if ((count <= 0 && !is_renewal && !is_oauth) || url == nullptr || key == nullptr) {
        return problem("usage: DATABASE_URL=... ENCRYPTION_KEY=... nexus-seed COUNT | renew ID | oauth ID");
    }
    Result<DatabaseTarget> target = parse_database_url(Secret{std::string_view(url)}, DatabaseTls{});
    Result<crypto::Keyring> keys =
        crypto::Keyring::from_base64({"ENCRYPTION_KEY", Secret{std::string_view(key)}});
    if (!target || !keys) {
        return problem(!target ? target.error().message : keys.error().message);
    }
    Result<std::unique_ptr<store::Database>> database = store::Database::open(*target);
    if (!database) {
        return problem(database.error().message);
    }
    const Vault vault(std::make_shared<const crypto::Keyring>(std::move(*keys)));
    Result<void> done = is_renewal ? renew(**database, vault, argv[2])
                        : is_oauth ? oauth(**database, vault, argv[2])
                                   : seed(**database, vault, count);
    return done ? 0 : problem(done.error().message);
}

}  // namespace
}  // namespace nexus::control

int main(int argc, char **argv) {
    try {
        return nexus::control::run(argc, argv);
    } catch (const std::exception &error) {
        return nexus::control::problem(error.what());
    }
}
