import MartletStack
import MartletTCP
import MartletWire

/// One of the two stacks, with what its application holds.
final class PairEnd {
  var stack: NetworkStack
  let interface: InterfaceID
  let address: IPAddress
  let listens: ListenerOptions
  var listener: ListenerID?
  var talks: [Talk] = []
  /// Flows with a local port that the script chose, and when they were last used.
  var chosen: [(local: UInt16, remote: UInt16, at: Instant)] = []
  /// What the stack held before it had anything to do.
  let heldAtFirst: MemoryUse

  init(_ setup: PairEndSetup, address: IPAddress, mtu: UInt16, seed: UInt64) throws(Finding) {
    self.address = address
    listens = setup.listener
    var stack = NetworkStack(configuration: setup.configuration, seed: StackSeed(seed))
    let length: UInt8 = address.isIPv4 ? 24 : 64
    do throws(InterfaceError) {
      interface = try stack.addInterface(
        InterfaceConfiguration(mtu: mtu, addresses: [IPPrefix(address, length: length)]))
    } catch {
      throw Finding("an interface can be made: \(error)")
    }
    heldAtFirst = stack.memoryUse()
    self.stack = stack
  }

  /// The application's end of a connection. `StackEvent`s are taken, and not needed: it asks again and again.
  struct Talk {
    let id: ConnectionID
    /// Its own stream, an index of `PairDriver.streams`.
    let stream: Int
    let local: Endpoint
    let remote: Endpoint
    /// What it reads; known from the first octet on.
    var peerStream: Int?
    var received: UInt32 = 0
    var isReadShut = false
    /// The end of the stream or an error was read: nothing more comes.
    var isOver = false
  }
}

/// What one end of a connection says. Its first octet is its number, so that whoever reads it can tell which it is.
struct PairStream {
  let end: Int
  let local: Endpoint
  let remote: Endpoint
  let isAccepted: Bool
  /// Octets that the stack took.
  var sent: UInt32 = 0
  /// The application has shut its sending half, or closed the connection.
  var hasFinished = false

  static func octet(of stream: Int, at offset: UInt32) -> UInt8 {
    if offset == 0 { return UInt8(truncatingIfNeeded: stream) }
    return UInt8(truncatingIfNeeded: (offset &* 0x9e37_79b1 &+ UInt32(stream) &* 0x85eb_ca6b) >> 19)
  }
}
