// What Tools/check-allocations, Tools/measure-layout and Tools/measure-instructions run.

switch CommandLine.arguments.dropFirst().first {
case "layout":
  printLayout()
case "segments":
  let count = CommandLine.arguments.count > 2 ? Int(CommandLine.arguments[2]) ?? 0 : 0
  var transfer = try Transfer.established()
  try transfer.carry(count)
case "flood":
  let count = CommandLine.arguments.count > 2 ? Int(CommandLine.arguments[2]) ?? 0 : 0
  var flood = try Flood.begun()
  try flood.run(count)
case "allocations":
  try countAllocations()
default:
  print("usage: MartletMeasure layout | segments COUNT | flood COUNT | allocations")
}
