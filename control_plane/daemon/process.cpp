// The parts of nexusd, wired: see process.h.
#include "control_plane/daemon/process.h"

#include "control_plane/oauth/issuer_sources.h"

namespace nexus::control {

namespace {

constexpr UnixMs kDayMs = 24LL * 3600 * 1000;

HttpClientOptions http_options(const Config &config) {
    HttpClientOptions options;
    options.allowed_private = config.egress_allowed_cidrs;
    options.ca_file = config.egress_ca_file;
    return options;
}

constexpr size_t kMostRefreshRequests = 2048;

// Requests that refresh tokens are left running beyond their attempts' deadlines.
HttpClientOptions patient_options(const Config &config) {
    HttpClientOptions options = http_options(config);
    options.total_timeout = RefreshOptions{}.patience;
    return options;
}

RefreshOptions refresh_options(const Config &config) {
    RefreshOptions options;
    options.journal_folder = config.refresh_journal_folder;
    options.oidc_mode = config.oidc_mode;
    return options;
}

}  // namespace

Process::Process(const Config &the_config, Metrics &the_metrics,
                 std::unique_ptr<store::Database> the_database, StateSigner the_signer)
    : config(the_config),
      metrics(the_metrics),
      database(std::move(the_database)),
      signer(std::move(the_signer)),
      vault(config.encryption_keys),
      http(http_options(config), &the_metrics),
      fetch([this](const HttpRequest &request) { return http.send(request); }),
      endpoint(fetch, clock),
      discovery(fetch, *database, clock, &metrics),
      keeper(discovery, [this] { return issuer_sources(*database); }),
      links(signer, config, clock),
      records(*database, vault, clock, &links, &metrics),
      redis(config.redis, config.cache_keys, clock, RedisOptions{}, &metrics),
      drainer(
          *database, redis, [this](const store::OutboxEntry &entry) { return records.for_outbox(entry); },
          clock, DrainerOptions{}, &metrics),
      audit(*database, clock, &metrics),
      refusals(audit, clock, &metrics),
      janitor(*database, clock, std::chrono::minutes{10}, config.audit_retention_days * kDayMs, &metrics),
      engine(
          *database, vault, discovery, endpoint,
          [this](HttpRequest request, HttpMulti::Done done, std::chrono::milliseconds send_within) {
              multi.send(std::move(request), std::move(done), send_within);
          },
          drainer, clock, &metrics, refresh_options(config)),
      scheduler(*database, engine, clock, &metrics),
      multi(patient_options(config), &the_metrics, kMostRefreshRequests),
      providers(*database, vault, drainer, EgressGuard(config.egress_allowed_cidrs), clock),
      consents(*database, vault, discovery, signer, endpoint, drainer, config, clock, &metrics),
      callbacks(*database, vault, discovery,
                UserInfo([this](const IssuerSource &source, std::string_view kid) {
                    return discovery.keys(source, kid);
                }),
                ClientFetch(fetch, clock), signer, endpoint, drainer, config, clock, &metrics),
      captures(*database, vault, signer, drainer, config, clock),
      connects(*database, vault, discovery, signer, endpoint, callbacks, consents, captures, config, clock),
      tokens(*database, records, engine, audit, clock, &metrics),
      agents(*database, drainer, clock),
      issuers(*database, discovery, drainer, clock),
      issuer_keeper(issuers),
      connections(*database, vault, UpstreamRevoker(vault, discovery, endpoint), drainer, clock),
      control_keys(*database, clock),
      workspaces(*database, drainer, clock),
      last_used(*database, clock),
      imports(*database, vault, drainer, clock),
      vault_service(*database, vault, clock, &metrics),
      audit_log(*database),
      authenticator(*database, config.control_keys, clock, &last_used),
      gate(authenticator, config.networks, &refusals),
      context{config,      *database,    redis,      drainer,   metrics, clock,         providers, consents,
              callbacks,   captures,     connects,   tokens,    records, links,         agents,    issuers,
              connections, control_keys, workspaces, last_used, imports, vault_service, audit_log} {}

}  // namespace nexus::control
