import MartletWire

func driveDHCP(_ bytes: RawSpan) throws(Finding) -> Bool {
  guard let message = DHCPMessage(parsing: bytes) else { return false }
  try expect(bytes.byteCount >= DHCPMessage.fixedCount, "a DHCP message has all of its fixed part")
  let options = message.options
  try expect(
    options.routers.count <= 4 && options.domainNameServers.count <= 4, "a list is kept within its room")
  try expect(message.encodedCount >= DHCPMessage.minimumCount, "a message is as long as relays want it")
  let out = try written(message.encodedCount, "DHCPMessage") { message.write(into: &$0, at: $1) }
  try expect(DHCPMessage(parsing: out.span.bytes) == message, "a DHCP message survives writing")
  return true
}
