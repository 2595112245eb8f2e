import MartletStack
import MartletTCP
import MartletWire

/// Datagrams to be echoed that came one after the other from one sender, each as large as the first: they leave as a train, which
/// costs a device that cuts trains little more than one of them.
struct EchoTrain {
  private var octets: [UInt8] = []
  private var size = 0
  /// One was shorter: none can follow it.
  private var isOver = false
  private var first: ArrivedDatagram?

  /// As many octets as UDP over IPv4 can carry.
  private static var most: Int { 65_507 }

  /// False: it is none of this train, which has to leave first.
  mutating func take(_ datagram: ArrivedDatagram, _ text: RawSpan) -> Bool {
    guard let first else {
      begin(datagram)
      append(text)
      return true
    }
    guard !isOver, size > 0, text.byteCount > 0, text.byteCount <= size,
      octets.count + text.byteCount <= Self.most, datagram.from == first.from, datagram.on == first.on,
      datagram.fields.dscp == first.fields.dscp
    else { return false }
    append(text)
    isOver = text.byteCount < size
    return true
  }

  private mutating func begin(_ datagram: ArrivedDatagram) {
    first = datagram
    size = datagram.count
    isOver = false
  }

  private mutating func append(_ text: RawSpan) {
    text.withUnsafeBytes { octets.append(contentsOf: $0) }
  }

  /// A datagram that finds no room to leave is lost, as datagrams may be.
  mutating func leave(by socket: UDPSocketID, _ stack: inout NetworkStack, _ now: Instant) {
    guard let first else { return }
    let fields = IPFields(dscp: first.fields.dscp)
    if octets.count > size {
      _ = try? stack.sendTrain(
        socket, octets.span.bytes, of: UInt16(clamping: size), to: first.from, on: first.on, fields: fields,
        now: now)
    } else {
      try? stack.send(socket, octets.span.bytes, to: first.from, on: first.on, fields: fields, now: now)
    }
    octets.removeAll(keepingCapacity: true)
    self.first = nil
  }
}
