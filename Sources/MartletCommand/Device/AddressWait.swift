import MartletStack
import MartletTCP
import MartletWire

/// The wait for an address of ours, or for a way.
///
/// On an Ethernet nobody may be found to have an address first, and routers or a DHCP server may have to be asked for
/// one. What might bring it may end without an event, so it is looked for each half a second.
struct AddressWait {
  /// When to try again; nil: nothing is waited for.
  private(set) var nextTry: Instant?
  private var end: Instant?

  /// A DHCP server, or a router, that has not answered in so long is not there.
  static let limit = TimeAmount.seconds(30)

  /// Nothing leads to `remote`, or not from the best address: whether that may change. Then `nextTry` is set.
  mutating func goesOn(for remote: IPAddress, _ stack: borrowing NetworkStack, _ now: Instant) -> Bool {
    let end = end ?? now.advanced(by: Self.limit)
    guard stack.awaitsAddress(for: remote), now < end else {
      nextTry = nil
      return false
    }
    self.end = end
    nextTry = now.advanced(by: .milliseconds(500))
    return true
  }

  /// What was waited for is there.
  mutating func isOver() { nextTry = nil }
}

/// Why nothing can be sent to a host.
package func noWay(to destination: IPAddress) -> String {
  """
  Nothing leads to \(destination): no --address is of its family, no --gateway leads there, and none came from a router \
  or a DHCP server that was asked.
  """
}
