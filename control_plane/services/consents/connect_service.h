// The person's side of a flow: what a browser gets that opens BASE_URL/connect/{token}. An OAuth flow leads
// on to the provider, a flow for static credentials to a form; both are bound to this browser first. Pages
// are web/'s, cookies and headers api/'s.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control_plane/oauth/browser_binding.h"
#include "control_plane/oauth/client.h"
#include "control_plane/services/consents/callback_service.h"
#include "control_plane/services/consents/capture_service.h"
#include "control_plane/services/consents/consent_service.h"
#include "control_plane/services/consents/flow_end.h"

namespace nexus::control {

/// What to show, or where to go.
struct Visit {
    enum class Kind : uint8_t { kProvider, kForm, kInvitation, kDevice, kDone };
    Kind kind = Kind::kProvider;
    FlowCookie cookie;
    int64_t cookie_max_age_s = 0;
    std::string location;        // kProvider: the provider's authorization URL
    std::string state;           // kForm: bound to the browser, for the form's hidden field
    CaptureForm form;            // kForm
    bool ends_on_http = false;   // return_url is a plain one (on loopback)
    std::string provider;        // kInvitation: whose account is to be connected again
    DeviceAuthorization device;  // kDevice: what to show; to be asked for again after its interval
    FlowEnd end;                 // kDone: nothing is left to do (client credentials, an ended device flow)
};

/// What came of a submitted form.
struct Submission {
    std::optional<Captured> done;
    Visit again;  // without `done`: the form once more, and what to say beside which field
    std::vector<std::pair<std::string, std::string>> problems;
};
using TypedFields = std::vector<std::pair<std::string, Secret>>;

class ConnectService {
public:
    ConnectService(store::Database &database, const Vault &vault, Discovery &discovery,
                   const StateSigner &signer, TokenEndpoint endpoint, CallbackService &callbacks,
                   ConsentService &consents, CaptureService &captures, const Config &config, Clock clock)
        : database_(database),
          vault_(vault),
          discovery_(discovery),
          signer_(signer),
          endpoint_(std::move(endpoint)),
          callbacks_(callbacks),
          consents_(consents),
          captures_(captures),
          config_(config),
          clock_(std::move(clock)) {}

    /// ticket  the `state` that the API gave out. Opening a link twice is no harm: it ends no flow but that
    /// of a
    ///         device, when its person has answered
    /// errors  kInvalidState, kProviderNotFound, kProviderError, kProviderUnavailable, kStoreUnavailable
    Result<Visit> open(const Caller &person, const std::string &ticket, std::string_view cookie_header);

    /// Begins the flow of a standing reconnect link: where to go on. errors as
    /// ConsentService::reconnect_by_link
    Result<std::string> accept(const Caller &person, const std::string &ticket);

    /// The form came back. What does not fit the schema is told and uses nothing up.
    /// errors as open; kInvalidState with detail "browser": another browser's form, or another site's;
    ///        kInvalidRequest: fields that the form does not have
    Result<Submission> submit(const Caller &caller, const std::string &ticket, const std::string &state,
                              std::string_view cookie_header, const TypedFields &typed);

private:
    Result<Visit> open_flow(const Caller &person, StateClaims claims, std::string_view cookie_header);
    Result<Visit> open_device(const Caller &person, const store::Connection &connection,
                              const store::Provider &provider, Visit visit);
    Result<Visit> done(const StateClaims &claims, const Error &otherwise);
    Result<std::string> authorization(const store::Provider &provider, const store::Connection &connection,
                                      const std::string &state);

    store::Database &database_;
    const Vault &vault_;
    Discovery &discovery_;
    const StateSigner &signer_;
    TokenEndpoint endpoint_;
    CallbackService &callbacks_;
    ConsentService &consents_;
    CaptureService &captures_;
    const Config &config_;
    Clock clock_;
};

/// The error of a flow that is brought back by a browser that did not start it.
tl::unexpected<Error> another_browser();

}  // namespace nexus::control
