// snippet begins
import MartletStack
import MartletTCP
import MartletWire

/// A greeting over one connection between two stacks: no device, no clock, no thread.
func greet() throws -> String {
  var client = NetworkStack(seed: StackSeed(1))
  var server = NetworkStack(seed: StackSeed(2))
  let now = Instant.origin
  let link = try client.addInterface(InterfaceConfiguration(addresses: [IPPrefix("10.0.0.1/24")!]))
  _ = try server.addInterface(InterfaceConfiguration(addresses: [IPPrefix("10.0.0.2/24")!]))

  let listener = try server.listen(on: LocalEndpoint(port: 80))
  let call = try client.connect(to: Endpoint(address: IPAddress("10.0.0.2")!, port: 80), now: now)
  exchange(&client, &server, on: link, now: now)

  let answer = try server.accept(listener)
  _ = try client.send(call, "Hello".utf8.span.bytes, now: now)
  exchange(&client, &server, on: link, now: now)

  var text = [UInt8](repeating: 0, count: 100)
  var span = text.mutableSpan
  var bytes = span.mutableBytes
  let count = try server.receive(answer, into: &bytes, now: now)
  return String(decoding: text[..<count], as: UTF8.self)
}

/// Moves packets between two stacks until neither has anything to say.
func exchange(_ a: inout NetworkStack, _ b: inout NetworkStack, on link: InterfaceID, now: Instant) {
  while carry(from: &a, to: &b, on: link, now: now) || carry(from: &b, to: &a, on: link, now: now) {}
}

func carry(
  from: inout NetworkStack, to: inout NetworkStack, on link: InterfaceID, now: Instant
) -> Bool {
  var packet = [UInt8](repeating: 0, count: 1_500)
  var span = packet.mutableSpan
  var buffer = span.mutableBytes
  guard let sent = from.nextPacket(on: link, into: &buffer, now: now) else { return false }
  to.receive(packet.span.bytes.extracting(0..<sent.count), sent.metadata, on: link, now: now)
  return true
}

print(try greet())
// snippet ends
