import MartletStack
import MartletTCP
import MartletWire

/// The wait of an `Application` for an address of ours, or for a way.
///
/// On an Ethernet nobody may be found to have an address first, and routers or a DHCP server may have to be asked for
/// one. What might bring it may end without an event, so it is looked for each half a second.
public struct AddressWait {
  /// When to try again; nil: nothing is waited for.
  public private(set) var nextTry: Instant?
  private var end: Instant?

  /// A DHCP server, or a router, that has not answered in so long is not there.
  public static let limit = TimeAmount.seconds(30)

  public init() {}

  /// Nothing leads to `remote`, or not from the best address: whether that may change. Then `nextTry` is set.
  public mutating func goesOn(for remote: IPAddress, _ stack: borrowing NetworkStack, _ now: Instant) -> Bool
  {
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
  public mutating func isOver() { nextTry = nil }
}
