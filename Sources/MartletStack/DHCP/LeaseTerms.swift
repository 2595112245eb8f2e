import MartletTCP
import MartletWire

/// What of a server's word is taken: whoever sends DHCP answers may say anything.
private enum LeaseLimits {
  /// Seconds. The check of an address alone takes seven.
  static var shortest: UInt32 { 30 }
  /// A server that would be asked all the time is asked so often.
  static var renewal: TimeAmount { .seconds(5) }
  /// No network is larger.
  static var shortestPrefix: UInt8 { 8 }
  /// RFC 791: what every host takes.
  static var mtu: UInt16 { 576 }
}

extension DHCPLease {
  /// The terms of an offer or an acknowledgment. Nil: it lends nothing that could be used.
  ///
  /// - Parameter requested: when the request left that it answers.
  init?(
    _ message: DHCPMessage, from server: IPv4Address, requested: Instant, answered now: Instant,
    _ draw: UInt64
  ) {
    let options = message.options
    let own = message.yiaddr
    guard own.isUnicast, !own.isLoopback, let length = options.subnetMask?.maskLength,
      length >= LeaseLimits.shortestPrefix, let time = options.leaseTime, time >= LeaseLimits.shortest
    else { return nil }
    let prefix = IPPrefix(.v4(own), length: length)
    guard prefix.isHost(own) else { return nil }
    address = prefix
    self.server = server
    for router in options.routers
    where router != own && prefix.contains(router) && router.isUnicast && prefix.isHost(router) {
      routers.append(router)
    }
    for name in options.domainNameServers where name.isUnicast && !name.isLoopback {
      domainNameServers.append(name)
    }
    if let told = options.interfaceMTU, told >= LeaseLimits.mtu { mtu = told }
    self.requested = requested
    renewal = .distant
    rebinding = .distant
    guard time < .max else { return }
    let end = requested.advanced(bySeconds: time)
    guard end > now.advanced(by: LeaseLimits.renewal) else { return nil }
    expiration = end
    setTimes(time, options, now, draw)
  }

  /// RFC 2131 §4.4.5: T1 before T2 before the end, what the server says of them only if that holds; and a little earlier
  /// than told, each lease by another amount, so that hosts that began together do not renew together.
  private mutating func setTimes(_ time: UInt32, _ options: DHCPOptions, _ now: Instant, _ draw: UInt64) {
    var t2 = UInt64(time) &* 7 / 8
    if let told = options.rebindingTime, told > 0, told < time { t2 = UInt64(told) }
    var t1 = min(UInt64(time) / 2, t2 &* 4 / 7)
    if let told = options.renewalTime, told > 0, told < t2 { t1 = UInt64(told) }
    let (first, second) = (draw & 0xffff_ffff, draw >> 32)
    func instant(_ seconds: UInt64, _ draw: UInt64) -> Instant {
      let milliseconds = seconds &* 1_000
      let early = (milliseconds / 16 &* draw) >> 32
      return requested.advanced(by: .milliseconds(Int64(truncatingIfNeeded: milliseconds &- early)))
    }
    renewal = max(instant(t1, first), now.advanced(by: LeaseLimits.renewal))
    rebinding = max(instant(t2, second), renewal)
  }
}

extension IPPrefix {
  /// Whether an address in it is neither form of its broadcast.
  fileprivate func isHost(_ address: IPv4Address) -> Bool {
    guard let last = broadcast, let first = oldBroadcast else { return true }
    return address != first && address != last
  }
}
