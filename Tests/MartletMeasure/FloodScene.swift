import MartletStack
import MartletTCP
import MartletWire

/// What is different about a flood, and about the listener.
enum FloodScene: String {
  /// IPv4, the options of a Linux client, no limit: as short as it gets.
  case plain = "flood"
  /// Records have had the time of a round trip when the next SYNs come.
  case slow = "slow-flood"
  /// Cookies always: there is no queue.
  case withoutRecords = "flood-without-records"
  case overIPv6 = "flood-over-ipv6"
  /// Connections of one source are counted.
  case perSource = "flood-per-source"
  /// The listener has a limit of connections.
  case limited = "flood-limited"
  /// The same options in the order that FreeBSD has.
  case otherOrder = "flood-other-order"

  var address: IPAddress {
    self == .overIPv6 ? .v6(IPv6Address(high: 0xfd00 << 48, low: 2)) : .v4(IPv4Address(10, 0, 0, 2))
  }

  /// All peers are in it.
  var prefix: IPPrefix { IPPrefix(address, length: self == .overIPv6 ? 16 : 8) }

  var configuration: StackConfiguration {
    var configuration = StackConfiguration()
    if self == .perSource { configuration.connectionsPerSource = 64 }
    return configuration
  }

  func options(halfOpenLimit: UInt32) -> ListenerOptions {
    var options = ListenerOptions()
    options.halfOpenLimit = halfOpenLimit
    options.synCookies = self == .withoutRecords ? .always : .auto
    // Never reached: what counts is that it has to be asked for.
    if self == .limited { options.connectionLimit = 16_384 }
    return options
  }
}
