import MartletStack
import MartletTCP
import MartletTrace
import MartletWire

extension Journal {
  /// Tells what became of an address that a DHCP server lends, and the terms while it does.
  func tell(_ news: LeaseNews, of address: IPAddress, _ lease: DHCPLease?, _ now: Instant) {
    switch news {
    case .obtained: tell("lease_obtained", "\(address) is lent to us", lease, of: address, now)
    case .renewed: tell("lease_renewed", "\(address) is lent to us for longer", lease, of: address, now)
    case .expired:
      tellLoss(
        "lease_expired", "\(address) is ours no longer: no DHCP server gave it more time.", of: address)
    case .refused:
      tellLoss("lease_refused", "\(address) is ours no longer: a DHCP server says so.", of: address)
    case .declined:
      tellLoss(
        "lease_declined", "\(address) was lent to us, but another has it: the server is told.", of: address)
    case .released: tellLoss("lease_released", "\(address) is given back.", of: address)
    }
  }

  private func tell(
    _ name: String, _ text: String, _ lease: DHCPLease?, of address: IPAddress, _ now: Instant
  ) {
    guard let lease else { return }
    tell(.normal, name, "\(text) \(lease.terms(now)).") {
      $0.add("address", "\(lease.address)")
      $0.add("server", "\(lease.server)")
      $0.add("routers", lease.routers.map { "\($0)" })
      $0.add("name_servers", lease.domainNameServers.map { "\($0)" })
      if let mtu = lease.mtu { $0.add("mtu", UInt64(mtu)) }
      if let seconds = lease.secondsLeft(now) { $0.add("seconds", seconds) }
    }
  }

  private func tellLoss(_ name: String, _ text: String, of address: IPAddress) {
    tell(name == "lease_released" ? .normal : .warning, name, text) { $0.add("address", "\(address)") }
  }
}

extension InterfaceID {
  /// That of a command's one device.
  static var ofDevice: InterfaceID { InterfaceID(rawValue: 0) }
}

extension DHCPLease {
  fileprivate func secondsLeft(_ now: Instant) -> UInt64? {
    expiration.map { UInt64(clamping: $0.since(now).nanoseconds / 1_000_000_000) }
  }

  /// `by 10.7.0.2 for 3600 s; network 10.7.0.0/24, router 10.7.0.2, names 10.7.0.2, MTU 1400`
  fileprivate func terms(_ now: Instant) -> String {
    var text = "by \(server) " + (secondsLeft(now).map { "for \($0) s" } ?? "for ever")
    text += "; network \(address.network)"
    if !routers.isEmpty { text += ", router " + routers.map { "\($0)" }.joined(separator: " and ") }
    if !domainNameServers.isEmpty {
      text += ", names " + domainNameServers.map { "\($0)" }.joined(separator: " and ")
    }
    if let mtu { text += ", MTU \(mtu)" }
    return text
  }
}
