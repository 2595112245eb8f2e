public import MartletTCP
import MartletWire

// RFC 8981: beside the stable address of a network one that lasts for a day or two, so that nobody out there can tell
// that we are who we were the day before. New connections begin with it (RFC 6724 §5, rule 7).

/// How long temporary addresses last, and what they are made of.
public struct TemporaryAddresses: Equatable, BitwiseCopyable, Sendable {
  /// TEMP_PREFERRED_LIFETIME, a minute at least: new connections begin with an address for so long, less up to two fifths
  /// that are drawn for each.
  public var preferredLifetime: TimeAmount
  /// TEMP_VALID_LIFETIME, longer than `preferredLifetime`: then what is left of its connections ends.
  public var validLifetime: TimeAmount
  /// Whether they are made of unique local prefixes (RFC 4193), too.
  public var includesUniqueLocal: Bool

  public init(
    preferredLifetime: TimeAmount = .hours(24), validLifetime: TimeAmount = .hours(48),
    includesUniqueLocal: Bool = false
  ) {
    self.preferredLifetime = preferredLifetime
    self.validLifetime = validLifetime
    self.includesUniqueLocal = includesUniqueLocal
  }

  var isSensible: Bool { preferredLifetime >= .minutes(1) && validLifetime > preferredLifetime }

  /// REGEN_ADVANCE: with what three duplicates take there is always one that is ready.
  fileprivate static var advance: TimeAmount { .seconds(5) }
}

extension NetworkStack {
  /// RFC 8981 §3.4, §3.5: sees to it that the network of a stable address has a temporary one that is preferred for a
  /// while yet, as long as routers prefer the network. Where all that were tried were others', none is tried again.
  mutating func keepTemporary(beside stable: Int) {
    let own = ownAddresses[stable]
    guard let terms = interfaces[own.interface.index].link.temporaryAddresses,
      case .v6(let address) = own.prefix.address, !address.isLinkLocal,
      !address.isUniqueLocal || terms.includesUniqueLocal, own.state != .expired
    else { return }
    let isThere = ownAddresses.contains {
      $0.isTemporary && $0.isMade(in: address, on: own.interface)
        && ($0.state == .duplicate || $0.state != .expired && $0.renewal > clock)
    }
    guard !isThere else { return }
    makeTemporary(
      in: address, on: own.interface, valid: own.valid, preferred: own.preferred, by: own.router, attempt: 0)
  }

  /// `valid` and `preferred` are what routers say of the network. Returns its place, or nil if there is none.
  @discardableResult
  mutating func makeTemporary(
    in network: IPv6Address, on interface: InterfaceID, valid: Instant, preferred: Instant,
    by router: IPAddress?, attempt: UInt8
  ) -> Int? {
    // RFC 8981 §3.4 (5): none that would have to be followed by the next at once.
    guard let terms = interfaces[interface.index].link.temporaryAddresses,
      preferred > clock.advanced(by: TemporaryAddresses.advance)
    else { return nil }
    // Stable ones always find room.
    guard makeRoom(forAddressOf: router, isTemporary: true, on: interface),
      makeRoom(forAddressOf: router, on: interface)
    else { return nil }
    // DESYNC_FACTOR: hosts that came together do not go on together.
    let fifths = terms.preferredLifetime.nanoseconds / 5 &* 2
    let early = Int64(truncatingIfNeeded: secrets.drawNeighbour() % UInt64(max(1, fifths)))
    let lastPreferred = clock.advanced(by: .nanoseconds(terms.preferredLifetime.nanoseconds &- early))
    let lastValid = clock.advanced(by: terms.validLifetime)
    guard
      let k = make(
        IPv6Address(high: network.high, low: temporaryIdentifier(network)), on: interface,
        valid: min(valid, lastValid), preferred: min(preferred, lastPreferred), by: router, attempt: attempt)
    else { return nil }
    ownAddresses[k].isTemporary = true
    ownAddresses[k].lastValid = lastValid
    ownAddresses[k].lastPreferred = lastPreferred
    noteStanding(of: k)
    wakeNeighbours(at: ownAddresses[k].renewal)
    return k
  }

  /// RFC 8981 §3.3.
  private mutating func temporaryIdentifier(_ network: IPv6Address) -> UInt64 {
    while true {
      let identifier = secrets.drawIdentifier(network.high)
      if !isReserved(identifier), !isClaimed(.v6(IPv6Address(high: network.high, low: identifier))) {
        return identifier
      }
    }
  }
}

extension OwnAddress {
  /// Made of the prefix of 64 bits that `network` begins with.
  func isMade(in network: IPv6Address, on interface: InterfaceID) -> Bool {
    guard isMade, self.interface == interface, case .v6(let own) = prefix.address else { return false }
    return own.high == network.high
  }

  /// When there has to be another that is preferred.
  var renewal: Instant {
    let advance = UInt64(truncatingIfNeeded: TemporaryAddresses.advance.nanoseconds)
    return Instant(nanoseconds: preferred.nanoseconds &- min(preferred.nanoseconds, advance))
  }
}
