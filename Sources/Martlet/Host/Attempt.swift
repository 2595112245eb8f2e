import MartletStack
import MartletTCP
import MartletWire

/// Something that a task wants, and for which an address of ours may have to be there first: one that others are still
/// asked about, or that a router or a DHCP server is asked for.
struct Attempt {
  enum Outcome {
    case done
    /// It failed for want of an address, which may come.
    case needsAddress(HostError)
    case failed(HostError)
  }

  let begin: (inout HostService, inout NetworkStack, Instant) -> Outcome
  let fail: (HostError) -> Void
  let isCancelled: () -> Bool
  private let needed: IPAddress?
  private var wait = AddressWait()

  /// - Parameters:
  ///   - address: one of the family that is needed; nil: none is.
  ///   - begin: tries, and resumes the waiter when it is done.
  init<Value>(
    _ waiter: Waiter<Value>, needing address: IPAddress?,
    begin: @escaping (inout HostService, inout NetworkStack, Instant) -> Outcome
  ) {
    needed = address
    self.begin = begin
    fail = { waiter.resume(.failure($0)) }
    isCancelled = { waiter.isCancelled }
  }

  var nextTry: Instant? { wait.nextTry }

  /// Whether the address may still come.
  mutating func goesOn(_ stack: borrowing NetworkStack, _ now: Instant) -> Bool {
    guard let needed else { return false }
    return wait.goesOn(for: needed, stack, now)
  }
}
