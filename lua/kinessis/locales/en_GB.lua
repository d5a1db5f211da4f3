--- British English, United Kingdom.

-- What follows the district in a postcode: C, I, K, M, O and V are never in it.
local letter = "[ABDEFGHJLNPQRSTUWXYZ]"
local inward = "#" .. letter .. letter

-- The words of the base as they are spelled in Britain.
local spelling = {
  behavior = "behaviour", center = "centre", color = "colour", defense = "defence", organization = "organisation",
  program = "programme", realize = "realise", recognize = "recognise", toward = "towards",
}
local words = {}
for i, word in ipairs(require("kinessis.locales.en_US").word) do words[i] = spelling[word] or word end

return {
  name = "en_GB",
  country = { code = "GB", name = "United Kingdom", phone = "44" },
  currency = "GBP",
  time_zone = "Europe/London",
  first_name = {
    male = [[
Oliver, George, Harry, Jack, Jacob, Noah, Charlie, Thomas, Oscar, William, James, Leo, Alfie, Henry, Joshua, Freddie,
Archie, Ethan, Isaac, Alexander, Joseph, Edward, Samuel, Max, Logan, Lucas, Daniel, Theo, Arthur, Mohammed, Harrison,
Benjamin, Mason, Finley, Sebastian, Adam, Dylan, Zachary, Riley, Teddy, Theodore, David, Elijah, Jake, Toby, Louie,
Reuben, Arlo, Hugo, Luca, Jude, Matthew, Rory, Stanley, Callum, Rhys, Owen, Gareth, Hamish, Ewan, Angus, Graham,
Nigel, Trevor, Simon, Stuart, Neil, Ian, Keith, Barry, Clive, Rupert, Alistair, Dominic, Felix, Giles]],
    female = [[
Olivia, Amelia, Isla, Emily, Ava, Lily, Mia, Sophia, Isabella, Grace, Poppy, Ella, Evie, Charlotte, Jessica, Daisy,
Isabelle, Sophie, Freya, Alice, Sienna, Ivy, Harriet, Evelyn, Ellie, Willow, Phoebe, Ruby, Florence, Matilda, Rosie,
Millie, Chloe, Elsie, Emma, Imogen, Elizabeth, Eva, Lucy, Erin, Eleanor, Maisie, Scarlett, Thea, Eliza, Zara, Molly,
Esme, Bella, Lola, Holly, Beatrice, Penelope, Maryam, Jasmine, Amber, Niamh, Bethan, Cerys, Catriona, Fiona, Moira,
Gemma, Kirsty, Hayley, Joanne, Tracey, Sharon, Gillian, Pauline, Maureen, Brenda, Hilary, Philippa, Rosemary, Tamsin]],
  },
  last_name = [[
Smith, Jones, Taylor, Brown, Williams, Wilson, Johnson, Davies, Robinson, Wright, Thompson, Evans, Walker, White,
Roberts, Green, Hall, Wood, Jackson, Clarke, Patel, Khan, Lewis, James, Phillips, Mason, Mitchell, Rose, Davis,
Rodgers, Turner, Cooper, Hill, Ward, Morris, Moore, Clark, Lee, King, Baker, Harrison, Morgan, Allen, Scott, Watson,
Parker, Bennett, Young, Cook, Richardson, Hughes, Edwards, Collins, Stewart, Murphy, Bailey, Bell, Cox, Marshall,
Adams, Shaw, Simpson, Kelly, Ellis, Murray, Gray, Chapman, Foster, Webb, Mills, Rogers, Russell, Barnes, Knight,
Butler, Holmes, Palmer, Stevens, Pearson, Graham, Fisher, Hunt, Gibson, Powell, Fox, Owen, Lloyd, Griffiths, Reynolds,
Harvey, Barker, Begum, Ahmed, Hussain, Ali, Singh, Campbell, MacDonald, Robertson, Fraser, Burns, Sinclair, O'Neill,
Fletcher, Atkinson, Whittaker, Ashworth, Holloway, Pemberton]],
  prefix = { male = "Mr, Mr, Mr, Dr, Sir", female = "Ms, Mrs, Miss, Dr" },
  suffix = "OBE, MBE, CBE, BSc, MSc, PhD, KC",
  gender = { male = "male", female = "female" },
  name_format = "{first_name} {last_name}",
  street_name = [[
High, Station, London, Church, Victoria, Green, Manor, Park, Queens, New, Grange, Kings, Kingsway, Windsor, Highfield,
Mill, Alexander, York, St. John's, Main, Broadway, Crescent, George, Springfield, Albert, Chester, Richmond,
Stanley, Oxford, Cambridge, Orchard, Meadow, Bridge, Castle, Abbey, Priory, Rectory, Elm, Oak, Hawthorn]],
  street_suffix = "Road, Street, Lane, Avenue, Close, Drive, Gardens, Grove, Way, Terrace",
  street_format = "{street_name} {street_suffix}",
  building_number = "%, %#, %#, %##, %#A",
  street_address_format = "{building_number} {street}",
  address_format = "{street_address}, {city} {postcode}",
  states = { ENG = "England", SCT = "Scotland", WLS = "Wales", NIR = "Northern Ireland" },
  -- districts that are the city's own: where it has all from 1 to 9, they are one pattern
  cities = {
    { "London", "ENG", "SE% " .. inward, "020 7946 0", 51.5074, -0.1278 },
    { "Birmingham", "ENG", "B% " .. inward, "0121 496 0", 52.4862, -1.8904 },
    { "Manchester", "ENG", "M% " .. inward, "0161 496 0", 53.4808, -2.2426 },
    { "Leeds", "ENG", "LS% " .. inward, "0113 496 0", 53.8008, -1.5491 },
    { "Liverpool", "ENG", "L% " .. inward, "0151 496 0", 53.4084, -2.9916 },
    { "Sheffield", "ENG", "S% " .. inward, "0114 496 0", 53.3811, -1.4701 },
    { "Bristol", "ENG", "BS% " .. inward, "0117 496 0", 51.4545, -2.5879 },
    { "Newcastle upon Tyne", "ENG", "NE1 " .. inward, "0191 498 0", 54.9783, -1.6178 },
    { "Nottingham", "ENG", "NG% " .. inward, "0115 496 0", 52.9548, -1.1581 },
    { "Leicester", "ENG", "LE% " .. inward, "0116 496 0", 52.6369, -1.1398 },
    { "Reading", "ENG", "RG1 " .. inward, "0118 496 0", 51.4543, -0.9781 },
    { "Coventry", "ENG", "CV1 " .. inward, "01632 960", 52.4068, -1.5197 },
    { "Southampton", "ENG", "SO14 " .. inward, "01632 960", 50.9097, -1.4044 },
    { "Portsmouth", "ENG", "PO1 " .. inward, "01632 960", 50.8198, -1.0880 },
    { "Brighton", "ENG", "BN1 " .. inward, "01632 960", 50.8225, -0.1372 },
    { "Plymouth", "ENG", "PL% " .. inward, "01632 960", 50.3755, -4.1427 },
    { "Oxford", "ENG", "OX4 " .. inward, "01632 960", 51.7520, -1.2577 },
    { "Cambridge", "ENG", "CB4 " .. inward, "01632 960", 52.2053, 0.1218 },
    { "Norwich", "ENG", "NR% " .. inward, "01632 960", 52.6309, 1.2974 },
    { "York", "ENG", "YO10 " .. inward, "01632 960", 53.9600, -1.0873 },
    { "Exeter", "ENG", "EX4 " .. inward, "01632 960", 50.7184, -3.5339 },
    { "Bath", "ENG", "BA2 " .. inward, "01632 960", 51.3811, -2.3590 },
    { "Derby", "ENG", "DE1 " .. inward, "01632 960", 52.9225, -1.4746 },
    { "Edinburgh", "SCT", "EH% " .. inward, "0131 496 0", 55.9533, -3.1883 },
    { "Glasgow", "SCT", "G2 " .. inward, "0141 496 0", 55.8642, -4.2518 },
    { "Aberdeen", "SCT", "AB10 " .. inward, "01632 960", 57.1497, -2.0943 },
    { "Dundee", "SCT", "DD2 " .. inward, "01632 960", 56.4620, -2.9707 },
    { "Inverness", "SCT", "IV2 " .. inward, "01632 960", 57.4778, -4.2247 },
    { "Cardiff", "WLS", "CF10 " .. inward, "029 2018 0", 51.4816, -3.1791 },
    { "Swansea", "WLS", "SA% " .. inward, "01632 960", 51.6214, -3.9436 },
    { "Newport", "WLS", "NP20 " .. inward, "01632 960", 51.5842, -2.9977 },
    { "Belfast", "NIR", "BT% " .. inward, "028 9649 6", 54.5973, -5.9301 },
    { "Derry", "NIR", "BT48 " .. inward, "028 9649 6", 54.9966, -7.3086 },
  },
  -- 496 0xxx and 07700 900xxx are for drama (Ofcom)
  phone = { trunk = "0", landline = "{area}###", mobile = "07700 900###" },
  -- QQ is a prefix of examples only
  national_id = "QQ ## ## ## A, QQ ## ## ## B, QQ ## ## ## C, QQ ## ## ## D",
  company_name = [[
Alpine, Summit, River, Harbour, Granite, Cedar, Silver, Northern, Pacific, Atlantic, Blue Sky, Redwood, Golden Gate,
Evergreen, Lakeside, Meadow, Stone, Pioneer, Beacon, Horizon]],
  company_suffix = "Ltd, PLC, LLP, Group, & Sons, & Co., Holdings, Partners",
  product_material = [[
Wooden, Steel, Cotton, Leather, Glass, Ceramic, Bamboo, Granite, Linen, Wool, Rubber, Plastic, Copper, Marble,
Aluminium, Paper]],
  category = [[
Books, Electronics, Computers, Home & Kitchen, Garden, Tools, Toys & Games, Clothing, Shoes, Jewellery, Beauty, Health,
Sports, Outdoors, Motoring, Grocery, Baby, Pets, Music, Films, Office, Industrial]],
  word = words,
}
