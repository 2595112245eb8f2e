public import MartletTCP
import MartletWire

/// What a server gave us for the next Fast Open (RFC 7413 §4.1.3), to be kept from one run of a program to the
/// next. It holds for our address and the server's only, and not for ever.
public struct FastOpenTicket: BitwiseCopyable, Sendable {
  let cookie: FastOpenCookie
  /// The server's MSS option; 0: not known.
  public let mss: UInt16

  init(cookie: FastOpenCookie, mss: UInt16) {
    self.cookie = cookie
    self.mss = mss
  }

  /// - Parameter octets: the cookie, 4 to 16 octets, an even number; nil of others.
  public init?(_ octets: RawSpan, mss: UInt16 = 0) {
    guard (4...16).contains(octets.byteCount), octets.byteCount & 1 == 0 else { return nil }
    var cookie = FastOpenCookie()
    for i in 0..<octets.byteCount { cookie.octets[i] = octets.u8(i) }
    cookie.count = UInt8(truncatingIfNeeded: octets.byteCount)
    self.init(cookie: cookie, mss: mss)
  }

  /// Octets of the cookie.
  public var count: Int { Int(cookie.count) }

  /// One of them; 0 past the end.
  public subscript(i: Int) -> UInt8 { i >= 0 && i < count ? cookie.octets[i] : 0 }
}

extension NetworkStack {
  /// What is remembered for connections to there; nil: no cookie.
  public mutating func fastOpenTicket(for remote: Endpoint, now: Instant) -> FastOpenTicket? {
    tell(now)
    guard let (flow, _) = try? flow(to: remote, from: nil),
      let offer = fastOpens.offer(flow, now: clock, &around.budget), offer.cookie.count > 0
    else { return nil }
    return FastOpenTicket(cookie: offer.cookie, mss: offer.mss)
  }

  /// Takes up again what an earlier run was given. False: there is no way there, or no memory.
  @discardableResult
  public mutating func remember(_ ticket: FastOpenTicket, for remote: Endpoint, now: Instant) -> Bool {
    tell(now)
    guard let (flow, _) = try? flow(to: remote, from: nil),
      fastOpens.offer(flow, now: clock, &around.budget) != nil
    else { return false }
    fastOpens.remember(ticket.cookie, mss: ticket.mss, flow)
    return true
  }
}
