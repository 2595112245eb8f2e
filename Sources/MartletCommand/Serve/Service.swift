/// A service that a server offers on a port.
struct Service: Sendable {
  let specification: ServiceSpecification
  /// What http serves.
  private let site: HTTPConversation.Site?
  /// What the connections of iperf3 share.
  private let room = Iperf3Room()

  /// Opens what the service needs.
  init(
    _ specification: ServiceSpecification, allowsUpload: Bool, uploadLimit: UInt64
  ) throws(SpecificationError) {
    self.specification = specification
    if case .http(let path) = specification.kind {
      site = HTTPConversation.Site(
        .directory(try ServedDirectory(path)), allowsUpload: allowsUpload, uploadLimit: uploadLimit)
    } else {
      site = nil
    }
  }

  /// One that needs nothing opened.
  init(port: UInt16, kind: ServiceSpecification.Kind) {
    specification = ServiceSpecification(port: port, kind: kind)
    site = nil
  }

  /// HTTP on a port that shows one page.
  init(port: UInt16, page: String) {
    specification = ServiceSpecification(port: port, kind: .http("(one page)"))
    site = HTTPConversation.Site(.page(page))
  }

  /// The service's end of a new connection.
  func conversation() -> any Conversation {
    switch specification.kind {
    case .echo: EchoConversation()
    case .discard: DiscardConversation()
    case .chargen(let limit): ChargenConversation(limit: limit)
    case .hold: HoldConversation()
    case .bye: ByeConversation()
    case .reset: ResetConversation()
    case .iperf3: Iperf3Conversation(room)
    case .http: site.map { HTTPConversation($0) } ?? ResetConversation() as any Conversation
    }
  }
}
