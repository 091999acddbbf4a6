// Identities of agents: who they are beside their keys. The agent itself is agent_service.cpp's.
#include "control_plane/services/agents/agent_service.h"
#include "control_plane/store/trusted_issuer_repository.h"

namespace nexus::control {

namespace {

using caller::Method;

constexpr int64_t kOverflowUid = 65534;  // what the kernel shows of users that a namespace does not know
constexpr int64_t kMaxUid = 0xffff'fffe;

tl::unexpected<Error> refuse(std::string_view member, std::string_view sentence) {
    return fail(Errc::kInvalidRequest, "member " + std::string{member} + " " + std::string{sentence},
                std::string{member});
}

tl::unexpected<Error> missing(std::string_view member) {
    return fail(Errc::kMissingFields, "member " + std::string{member} + " is required", std::string{member});
}

/// Members of other kinds must not be there: they would be believed to count.
Result<void> check_members(const IdentityRequest &request, Method kind) {
    if (kind != Method::kJwt && !request.issuer.empty()) {
        return refuse("issuer", "is for kind jwt");
    }
    if (kind != Method::kJwt && !request.subject.empty()) {
        return refuse("subject", "is for kind jwt");
    }
    if (kind != Method::kMtls && !request.san.empty()) {
        return refuse("san", "is for kind mtls");
    }
    if (kind != Method::kPeer && request.uid) {
        return refuse("uid", "is for kind peer");
    }
    return {};
}

Result<void> fill_jwt(const IdentityRequest &request, store::AgentIdentity &out) {
    if (request.issuer.empty()) {
        return missing("issuer");
    }
    if (request.subject.empty()) {
        return missing("subject");
    }
    if (!caller::is_subject(request.subject)) {
        return refuse("subject", "must be 1 to 255 bytes without control characters");
    }
    out.issuer = request.issuer;
    out.subject = request.subject;
    out.sha256 = caller::jwt_sha256(out.issuer, out.subject);
    return {};
}

Result<void> fill_mtls(const IdentityRequest &request, store::AgentIdentity &out) {
    if (request.san.empty()) {
        return missing("san");
    }
    std::optional<std::string> san = caller::canonical_san(request.san);
    if (!san) {
        return refuse("san", "must be URI:, DNS: or email: and a name, at most 512 bytes of printable ASCII");
    }
    out.subject = std::move(*san);
    out.sha256 = caller::mtls_sha256(out.subject);
    return {};
}

Result<void> fill_peer(const IdentityRequest &request, store::AgentIdentity &out) {
    if (!request.uid) {
        return missing("uid");
    }
    if (*request.uid < 0 || *request.uid > kMaxUid || *request.uid == kOverflowUid) {
        return refuse("uid", "must be a user id that names one user: 0 to 4294967294, not 65534");
    }
    out.subject = std::to_string(*request.uid);
    out.sha256 = caller::peer_sha256(static_cast<uint32_t>(*request.uid));
    return {};
}

Result<store::AgentIdentity> read_request(const IdentityRequest &request) {
    const std::optional<Method> kind = caller::parse_method(request.kind);
    if (!kind || *kind == Method::kApiKey) {
        return refuse("kind", "must be jwt, mtls or peer");
    }
    store::AgentIdentity out;
    out.kind = *kind;
    Result<void> filled = check_members(request, *kind).and_then([&] {
        return *kind == Method::kJwt    ? fill_jwt(request, out)
               : *kind == Method::kMtls ? fill_mtls(request, out)
                                        : fill_peer(request, out);
    });
    return filled ? Result<store::AgentIdentity>{std::move(out)} : fail(filled.error());
}

/// May this caller say who is meant by such a name? See AgentService::add_identity. An issuer stays as it is
/// until the name is written: whoever changes it must see who is known by it.
Result<void> check_name(store::Transaction &sql, const Caller &caller, const store::Agent &agent,
                        const store::AgentIdentity &identity) {
    const Error not_shared{Errc::kInsufficientGrant,
                           "a key for one workspace cannot give names that all workspaces share", "kind", 0};
    if (identity.kind != Method::kJwt) {
        return caller.workspace_id.empty() ? Result<void>{} : fail(not_shared);
    }
    Result<store::TrustedIssuer> issuer =
        store::trusted_issuers::hold(sql, caller::issuer_sha256(identity.issuer));
    if (!issuer && issuer.error().errc != Errc::kIssuerNotFound) {
        return fail(issuer.error());
    }
    const bool is_trusted = issuer && issuer->removed_at == 0 &&
                            (issuer->workspace_id.empty() || issuer->workspace_id == agent.workspace_id);
    if (!is_trusted) {
        return refuse("issuer", "is not trusted for the agent's workspace: see /admin/issuers");
    }
    return issuer->workspace_id.empty() && !caller.workspace_id.empty() ? fail(not_shared) : Result<void>{};
}

}  // namespace

Result<store::AgentIdentity> AgentService::add_identity(const Caller &caller, const std::string &id,
                                                        const IdentityRequest &request) {
    Result<store::AgentIdentity> identity = read_request(request);
    if (!identity) {
        return identity;
    }
    identity->id = new_key_id();
    identity->created_at = clock_();
    return change(caller, id, caller.event(audit::kAgentIdentityAdded, "identity_id", identity->id),
                  [&](store::Transaction &sql, const store::Agent &agent) -> Result<store::Agent> {
                      identity->agent_id = agent.id;
                      Result<void> checked = check_credential_gift(caller, agent).and_then([&] {
                          return check_name(sql, caller, agent, *identity);
                      });
                      return checked ? store::agent_identities::add(sql, *identity, clock_())
                                     : fail(checked.error());
                  })
        .map([&](const store::Agent &) { return std::move(*identity); });
}

Result<std::vector<store::AgentIdentity>> AgentService::list_identities(const Caller &caller,
                                                                        const std::string &id) {
    return find(database_, caller, id).and_then([&](const store::Agent &agent) {
        return store::agent_identities::list(database_, agent.id);
    });
}

Result<void> AgentService::remove_identity(const Caller &caller, const std::string &id,
                                           const std::string &identity_id) {
    return change(caller, id, caller.event(audit::kAgentIdentityRemoved, "identity_id", identity_id),
                  [&](store::Transaction &sql, const store::Agent &agent) {
                      return store::agent_identities::remove(sql, agent.id, identity_id, clock_());
                  })
        .map([](const store::Agent &) {});
}

}  // namespace nexus::control
