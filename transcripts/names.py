"""Word lists for finding identifiers, written for this application: first names met in the UK and their short
forms, names that are also ordinary words, towns and counties, words that follow a title or close the name of
a school, a street or a hospital.

All entries are folded (lower case, no accents); see `transcripts.identifiers.folded`.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Short forms by full form. One name may stand in several groups (Alex).
SHORT_FORMS: dict[str, tuple[str, ...]] = {
    name: tuple(shorts.split())
    for name, shorts in {
        "abigail": "abi abbie abby gail",
        "alexander": "alex al sandy xander lex",
        "alexandra": "alex alexa sandra lexi",
        "alfred": "alf alfie fred",
        "amelia": "amy millie mia",
        "andrew": "andy drew",
        "angela": "angie ange",
        "anthony": "tony ant",
        "antony": "tony ant",
        "barbara": "barb babs",
        "benjamin": "ben benny benji",
        "catherine": "cath cathy kate katie kitty",
        "charles": "charlie chas chuck",
        "charlotte": "charlie lottie lotte char",
        "christine": "chris chrissie tina",
        "christopher": "chris kit topher",
        "daniel": "dan danny",
        "danielle": "dani",
        "david": "dave davey",
        "deborah": "deb debbie debs",
        "dorothy": "dot dotty dolly",
        "edward": "ed eddie ted teddy ned",
        "eleanor": "ellie nell nora",
        "elizabeth": "liz lizzie beth betty bess libby eliza lisa",
        "emily": "em emmy millie",
        "frances": "fran frankie",
        "francesca": "fran frankie chess",
        "frederick": "fred freddie",
        "gabriel": "gabe gabi",
        "geoffrey": "geoff",
        "georgina": "georgie gina",
        "gregory": "greg",
        "gwendoline": "gwen",
        "hannah": "han",
        "harold": "harry hal",
        "henry": "harry hank",
        "isabella": "izzy bella issy",
        "isobel": "izzy belle issy",
        "jacob": "jake",
        "jacqueline": "jackie jacqui",
        "james": "jim jimmy jamie jem",
        "janet": "jan",
        "jennifer": "jen jenny jenn",
        "jessica": "jess jessie",
        "joanna": "jo joanne",
        "john": "johnny jack jon",
        "jonathan": "jon jonny johnny",
        "joseph": "joe joey",
        "joshua": "josh",
        "judith": "judy jude",
        "katherine": "kath kathy kate katie kat kitty",
        "kenneth": "ken kenny",
        "kimberley": "kim",
        "laurence": "larry laurie",
        "leonard": "len lenny leo",
        "louise": "lou",
        "lucy": "lulu luce",
        "margaret": "maggie meg peggy marge greta",
        "matthew": "matt matty",
        "maureen": "mo",
        "michael": "mike mick mikey micky",
        "michelle": "shell chelle",
        "mohammed": "mo",
        "muhammad": "mo",
        "natalie": "nat",
        "natasha": "tash tasha nat",
        "nathan": "nate nat",
        "nicholas": "nick nicky",
        "nicola": "nicky nic nikki",
        "oliver": "ollie olly",
        "olivia": "liv livvy",
        "pamela": "pam",
        "patricia": "pat patsy trish tricia",
        "patrick": "pat paddy",
        "peter": "pete",
        "philip": "phil",
        "phillip": "phil",
        "rachel": "rach",
        "rebecca": "becky becca beck bex",
        "richard": "rich rick ricky dick",
        "robert": "rob robbie bob bobby bert",
        "ronald": "ron ronnie",
        "rosemary": "rosie rose",
        "samantha": "sam sammy",
        "samuel": "sam sammy",
        "sarah": "sally",
        "simon": "si",
        "stephanie": "steph stevie",
        "stephen": "steve ste",
        "steven": "steve ste stevie",
        "stuart": "stu",
        "susan": "sue susie suzy",
        "terence": "terry",
        "theresa": "terri tess",
        "thomas": "tom tommy",
        "timothy": "tim timmy",
        "valerie": "val",
        "victoria": "vicky vicki tori",
        "vincent": "vince vinny",
        "vivian": "viv",
        "walter": "wally walt",
        "william": "will bill billy liam willy",
        "yvonne": "von",
        "zachary": "zac zack zach",
    }.items()
}

FIRST_NAMES = frozenset(SHORT_FORMS) | _words(
    """
    aaliyah aaron abdul abdullah abi abigail abu adam ade adele adrian afia agnes ahmed aidan aisha
    aishah akosua alan alana albert alec aled alejandra aleksandra alesha alex alexa alexis alfie
    ali alia alice alicia alina alisha alison alistair allan alma amara amari amina aminata amir
    amira amit amrit amy ana anastasia anders andrea andrei andrzej andy aneesa anesu angel angus
    anika anil anisha anita anjali ann anna annabel anne annette annie anouk anya aoife arabella
    archie ari ariana arjun arlo arthur arun asha ashley ashraf asif astrid aubrey audrey ava avni
    ayaan ayesha ayo azra bartek beatrice becky bella ben bernadette bernard bert beryl beth bethan
    bethany betty bianca billy blessing bob bobby bogdan bradley brandon brenda brendan brian
    bridget bronwen bruce bryan bryony caitlin callum cameron carl carla carly caroline carys cathy
    cecilia cerys chanel chantelle chanelle charlene charlie chelsea cheryl chiara chidi chioma
    chloe chris christian christina chukwu ciara claire clara clare claudia clive clodagh colette
    colin colleen connor conor corey courtney craig cristina curtis cynthia daisy damian damien dan
    dana danny daphne daria darius darren dave davina dawid dean deb debbie debs declan deepa deepak
    delroy demi denis denise dennis derek desmond devon diana diane dilys dina dipti dominic
    dominika don donald donna dora doreen doris dorota doug douglas duncan dwayne dylan eamon ebony
    ed eddie edith edna edwin efua eileen eilidh elaine eleri elena eli elias elijah elin ella ellen
    ellie elliot elliott ellis elsa elsie emeka emma emmanuel enid eric erica erin ernest esme
    esther ethan etta eugene eva eve evelyn evie ewa ewan faisal farah farhan farid farida fatima
    fatou fatoumata felicity felix fergus finlay finley fiona florence folake fran frank frankie
    fraser fred freda freddie freya funmi gabriela gail gareth gary gavin gemma geoff george georgia
    georgie gerald geraldine gerard ghulam gillian gina giorgia giovanni gladys glenda glenys gloria
    gordon graham grainne greg greta gurpreet gwen gwyneth habib hadiya hafsa hamid hamza hanif
    hanna haroon harpreet harriet harris harrison harry harvey hasan hassan hayden hayley hazel
    heather hector helen helena henrietta hilary hilda holly howard huda hugh hugo humaira humphrey
    husna ian ibrahim ida ifeoma igor ike imani imogen imran ines ingrid iona ioana ion ira irene
    irina iris irma isaac isabel isabelle isha ishaan isla ismail ivan ivo ivy izabela jack jackie
    jackson jacqui jade jaden jaime jake jakub jamal jamie jamila jan jane janice janine jared
    jasmin jasmine jason jasper jaswinder javed jay jayden jayne jean jeanette jeff jeffrey jemima
    jemma jen jenna jenny jeremiah jeremy jerome jess jessie jill jim jimmy jo joan joanne joao
    jodie joe joel joelle joey johanna jolene jon jonah jonas jordan jorge jose josephine josh josie
    joyce juan judy julia julian julie juliet julius june justin justine kacper kadiatou kaleb kamal
    kamila kamran karen karim karina karl karolina kasia kate katharine kathleen kathryn katie
    katrina katy kay kayla kayleigh kehinde keira keith kellie kelly kelvin ken kerry kevin khadija
    khadijah khalid kiara kieran kiran kirsten kirsty klaudia kofi kristina krystal krzysztof
    kwabena kwame kyle kylie laila lara latoya laura lauren lawrence layla leah leanne lee leila leo
    leon leona leroy lesley leslie lewis liam liban lidia lila lilian lily linda lindsay lindsey
    linh lionel lisa liz lizzie lloyd logan lola loretta lorna lorraine lottie lou louis luca lucas
    lucia lucinda luis luisa luka lukas luke lydia lyn lynda lynn lynne mabel maciej maddie
    madeleine madison maeve magdalena maggie mahmoud maisie malachi malcolm malik manal mandy manjit
    manuel marcel marcia marcin marco marcus margarita maria mariam mariama marian marianne marie
    marina mario marion marisa marissa marjorie marlene marlon marta martha martin martina marvin
    mary maryam mason mateusz matilda matt maud maureen maurice mavis maxine maxwell maya megan
    mehmet mei melanie melissa mercy meredith merlin mia michaela michal mick miguel mihai mike mila
    millicent millie milo mina mira miranda miriam mo mohamed mohamud moira molly mona monica monika
    morag morgan morwenna moses muhammed mumtaz muriel murray mustafa myra nabil nadia nadine naheed
    naima nancy naomi narinder nasreen natalia nathaniel naveed neal neil nell nelson ngozi nia
    niall niamh nick nicky nicole nigel nikhil nikita nikki nina nisha noah noel noor nora noreen
    norma norman nuala nusrat obinna odette ola olga olu oluwaseun olwen omar ophelia orla oscar
    osman oskar otis owen padraig paige pam pamela paola parveen pascal patience patrycja paul paula
    pauline pavel pawel pearl penelope pete petra phil philippa phoebe phyllis pippa piotr poppy
    prakash pranav precious preeti prisca priscilla priya quentin rabia rachael raheem rahul raj
    rajesh ralph rania rashid raul raymond razia reece reena rehana rekha rhian rhiannon rhodri
    rhona rhys ricardo richie rita roberta roberto robyn rochelle roger rohan roisin roland roman
    ronan ronnie rosa rosalind rosanna rosie ross rowan roxanne ruby rukhsana rupert russell ruth
    ryan saba sabrina sacha sade sadia safiya sahil saira sally salma sam samina sammy samira
    sandeep sandra sanjay sanjeev sara saskia scarlett scott sean sebastian selina serena seth
    shabana shabnam shahid shakira shamima shane shanice shannon sharon shaun shauna shazia sheila
    shelley shereen sheryl shirley shivani shreya sian sidney siena silvia simone sinead siobhan
    skye sofia sonal sonia sophia sophie spencer stacey stan stanislaw stanley stefan stella steph
    steve stewart stu sue suki sukhjit sunita suresh susanna susie suzanne sybil syed sylvia szymon
    tabitha tahir taiwo tamara tamika tamsin tania tanisha tanya tara tariq tasha tatiana ted teresa
    terri terry tess tessa thandi thelma theo theodore thea tia tiffany tim tina toby todd tom tommy
    toni tony tracey tracy trevor trish tristan troy tunde tyler tyrone uchenna uma umar una ursula
    usha usman vanessa veronica vicky vijay vikram vimala viola viv vivek vivien vivienne vusi wanda
    wayne wendy wesley whitney wilfred winifred winston wojciech xavier yasin yasmin yasmine yetunde
    yolanda youssef yusuf yvette zac zahra zain zainab zak zara zeinab zena zoe zofia zoya zubair
    zuzanna
    """
)

# Names that are also words: only where they are written as a name, never in lower case, never as the first
# word of a sentence without a sign that a person is meant.
ORDINARY_WORDS = _words(
    """
    abbot amber angel april art ash august autumn baker banks bar barber bay beach bean beck bell
    berry best bill bird bishop black bliss bloom blue bob bond booth bridge bridges brook brooks
    brown bull burns bush butcher butler candy carol carpenter carter case cash castle chance
    chandler char chase chess christian church cliff clay cliffe coal cole cook cooper cox crisp
    cross crystal daisy dale dates dawn day days dean dick dot drake drew driver duke earl east
    ebony ed eve faith farmer faye fern field fields finch fish fisher fletcher flint flora flowers
    ford forest foster fox frank free frost gale gardener gardner garland gates gay gene glass glen
    gold good grace grant gray green grey guy hail hale hall han hank happy harding hardy harmony
    hart harry haven hawk hay hazel head heath heather hill holiday holly holmes honey hood hope
    house hunt hunter ice iris iron ivory ivy jack jade jan jasmine jay jean jewel jim jo joy jude
    judge june justice kay keen key keys kid kim king kit knight lake lamb lance land lane large law
    lee len levy lex light lily line little long lord love low luck mace major male man mark marks
    marsh martin mason mat matt max may mercy mere mike miles mill miller mills mint misty mo moon
    moor moore moss mount myrtle nan nat neat nelly nice nick noble noel noon north norm nurse oak
    oaks olive opal page paris park parker parks pat patience peace pear pearl peg penny pepper
    perry pet peter pierce piper pike pine pitt place plant pole pond pool poor pope poppy porter
    post potter power powers precious price prince prudence pure queen rain raven ray read reader
    reed reef rice rich rider ring rise river rivers rob robin rock rod root rose rosemary rowan
    ruby rush rusty sage sailor sally sam sand sands sandy savage scarlett sharp shaw shell shelly
    shepherd shore short silver singer sky skye small smart smith snow south speed spring spicer
    star stark stead steel stephen stone storm street strong sue summer summers sunny swan swift
    tailor tan taylor temple terry thorn tiger tilly tim timber tony tower town trinity true tucker
    turner underwood val van vale victor viola violet von walker wall waller ward waters watt way
    weaver web webb weeks wells west wheat wheeler white wild will wills willow win winter winters
    wise wolf wood woods worth wren wright yard york young brave blessing charity clement comfort
    constant destiny diamond dolly earnest ember felicity gift ginger golden goodness heaven hero
    honor honour hyacinth innocent jerry jolly jordan josh journey kate kelly lark laurel legend
    liberty lotus lucky lyric magnolia maple marina melody memory merit merry miracle moses ocean
    paddy pansy paradise phoenix posy primrose promise queenie quill rainbow reason rebel reign ross
    ruth saffron saint serenity sierra skip solace sparrow stormy story sugar sunshine temperance
    tempest trace truth unity vera verity vesper whisper wilde wonder zion
    """
) - _words(
    """
    harry jim jordan josh kate kelly martin matt mike peter ross ruth sam stephen terry tim tony
    vera ed jo sally jerry kim lee
    """
)

FIRST_NAMES |= _words(
    """
    amber angel april art august autumn bill blessing bob carol chance charity chase christian
    clement cliff comfort constant crystal daisy dale dawn dean destiny dick dolly drew earl ebony
    eve faith faye fern flora frank gale gay gene ginger glen grace grant guy hank happy harmony
    hazel heath heather holly honey honor hope hunter iris ivory jack jasmine jay jean jewel joy
    jude june justice kay kit lance lark laurel len liberty lily luck mark martin mason mat max may
    melody memory mercy merry miles mina misty myrtle ned nick noble noel olive opal paddy pansy
    paris pat patience pearl peg penny perry piers piper pierce poppy precious primrose prince
    promise prudence queenie rain raven ray reed rich robin rob rod rose rosemary rowan ruby rusty
    saffron sage sandy serenity shell sierra skip sky star sue summer sunny taylor tilly trinity
    unity val van vera verity victor viola violet von wild will willow win winter wren zion
    """
)

# Said of a person: a name that is also a word, first in its sentence, is meant as a name before one of these.
PERSON_VERBS = _words(
    """
    said says told asked tells asks came comes went goes thinks thought knows knew wanted wants
    loves hates left lives lived works worked rang phoned called texted cried shouted moved started
    stopped stayed never always also who whose likes needed needs got gets
    """
)

TITLES = _words(
    """
    mr mrs ms miss mx dr doctor prof professor sir dame lord lady rev reverend father sister brother
    auntie aunt aunty uncle nanna nanny granny grandma grandad grandpa pc wpc dc ds di sgt sergeant
    inspector judge cllr councillor nurse imam rabbi canon
    """
)

# Capitalised words that never continue a name.
NOT_NAMES = _words(
    """
    tomorrow yesterday today a an and are as at be because but by can could did do does for from had has have he her hers him
    his how i if in is it its just like me mine my no nor not now of off on one or our out she
    should so some such than that the their them then there these they this those to too up us was
    we well were what when where which while who whom whose why will with would yes yeah yet you
    your okay ok oh um er erm monday tuesday wednesday thursday friday saturday sunday january
    february march april may june july august september october november december christmas easter
    ramadan eid diwali english british welsh scottish irish polish romanian asian african european
    muslim christian jewish hindu sikh council social children family interviewer int god covid zoom
    teams skype facebook whatsapp ofsted mash cafcass camhs
    """
)

PLACES = _words(
    """
    aberdeen accrington aldershot altrincham andover ashford aylesbury banbury bangor barking barnet
    barnsley barnstaple barrow basildon basingstoke bath bedford belfast berwick beverley bexley
    birkenhead birmingham blackburn blackpool blyth bodmin bolton bootle boston bournemouth
    bracknell bradford braintree brent brentwood bridgend bridgwater bridlington brighton bristol
    bromley burnley burton bury camborne cambridge camden canterbury cardiff carlisle chelmsford
    cheltenham chester chesterfield chichester chippenham chorley cleethorpes colchester corby
    coventry crawley crewe croydon darlington dartford derby derry dewsbury doncaster dorchester
    dover dudley dundee durham ealing eastbourne edinburgh enfield epsom exeter falmouth fareham
    farnborough felixstowe folkestone gateshead gillingham glasgow glastonbury gloucester goole
    gosport grantham gravesend greenock greenwich grimsby guildford hackney halifax halton harlow
    harrogate harrow hartlepool harwich hastings hatfield havant havering hereford hertford hexham
    hillingdon hinckley horsham hounslow huddersfield hull huntingdon inverness ipswich islington
    jarrow keighley kendal kettering kidderminster kilmarnock knowsley lambeth lancaster launceston
    leamington leeds leicester leigh lerwick lewisham lichfield lincoln littlehampton liverpool
    llandudno llanelli london loughborough lowestoft luton macclesfield maidenhead maidstone
    manchester mansfield margate matlock merthyr merton middlesbrough morecambe morpeth motherwell
    neath newark newbury newcastle newham newport newquay newry northallerton northampton norwich
    nottingham nuneaton oldham omagh oxford paisley penrith penzance perth peterborough plymouth
    pontefract poole portsmouth preston ramsgate reading redbridge redcar redditch redhill reigate
    rhondda rhyl richmond rochdale rochester rotherham rugby runcorn ryde salford salisbury
    scarborough scunthorpe selby sheffield shrewsbury sittingbourne skegness slough solihull
    southampton southend southport southwark stafford staines stevenage stirling stockport stockton
    stoke stourbridge stratford stretford stroud sunderland sutton swansea swindon tamworth taunton
    telford thetford torquay tottenham trowbridge truro tunbridge wakefield wallasey walsall waltham
    wandsworth warrington warwick watford wellingborough welwyn weymouth whitby whitehaven widnes
    wigan winchester windsor wisbech wokingham wolverhampton woolwich worcester workington worksop
    worthing wrexham yeovil bedfordshire berkshire buckinghamshire cambridgeshire cheshire cornwall
    cumbria derbyshire devon dorset essex gloucestershire hampshire herefordshire hertfordshire kent
    lancashire leicestershire lincolnshire merseyside norfolk northamptonshire northumberland
    nottinghamshire oxfordshire rutland shropshire somerset staffordshire suffolk surrey sussex
    teesside tyneside warwickshire wiltshire worcestershire yorkshire anglesey fife gwynedd powys
    ceredigion pembrokeshire carmarthenshire glamorgan gwent
    """
)
# Town names that are words or first names: only capitalised, and only after a word such as "in" or "from".
DOUBTFUL_PLACES = _words(
    """
    bath reading rugby sale deal bury hull poole dover lincoln chester preston ashford perth boston
    stroud barrow
    """
)

JOBS = _words(
    """
    headteacher head-teacher headmaster headmistress paramedic firefighter fireman policeman
    policewoman police-officer soldier barrister solicitor magistrate surgeon dentist pharmacist
    optician vet vicar imam priest pilot postman postwoman locksmith undertaker florist butcher
    baker hairdresser barber beautician taxi-driver bus-driver lorry-driver plumber electrician
    roofer scaffolder bricklayer plasterer welder farmer fisherman footballer boxer dancer actor
    actress musician journalist mayor midwife radiographer childminder caretaker lollipop-lady
    """
)

# A speaker's label that holds nothing but these and numbers is a role, and names nobody.
ROLES = _words(
    """
    int interviewer iv ivr res researcher mod moderator fac facilitator obs observer speaker participant respondent
    interviewee chair mother mum mam mom father dad parent parents carer foster guardian gran grandmother
    grandfather grandad nan aunt uncle sister brother son daughter partner husband wife family support worker workers
    social senior principal practitioner specialist adult child young person man woman male female boy girl
    manager team lead leader head deputy assistant director service services student psychologist nurse teacher
    health visitor officer probation domestic abuse drug alcohol substance mental recovery admin group
    several all unknown unidentified other another new voice staff member of the a and no number
    q a question answer 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 i ii iii iv one two three four five six
    """
)

# Parts of patterns: what closes a name, and what happens rarely enough to point at somebody.
SCHOOL_WORDS = (
    "Primary|Infants?|Junior|Secondary|High|Grammar|Community|Academy|School|College|Nursery|Pre-?school|"
    "Playgroup|University"
)
HEALTH_WORDS = (
    "Hospital|Infirmary|Surgery|Medical Centre|Health Centre|Medical Practice|Clinic|Hospice|Maternity Unit"
)
STREET_WORDS = (
    "Street|Road|Lane|Avenue|Close|Drive|Crescent|Court|Terrace|Gardens|Grove|Square|Mews|Walk|Rise|Way|Row|"
    "Hill|Place|Parade|Rd|Ave|Cres"
)
BODY_WORDS = (
    "Council|Trust|Church|Mosque|Temple|Gurdwara|Synagogue|Foundation|Charity|Housing|Housing Association|"
    "Project|Refuge|Children['’]s Centre|Family Centre|Community Centre|Leisure Centre|Youth Club|"
    "Football Club|Foodbank|Food Bank|Care Home"
)
EVENT_WORDS = (
    r"murder(?:ed)?|manslaughter|stabb(?:ed|ing)|shot dead|inquest|house fire|car crash|drowned|suicide|"
    r"overdosed?|arson|kidnapp(?:ed|ing)|traffick(?:ed|ing)|deport(?:ed|ation)|triplets|quadruplets|"
    r"conjoined|won the lottery|in the (?:news|papers?|newspapers?)|on the news|serious case review|"
    r"forced marriage|honour killing|rare (?:disease|condition|syndrome|cancer)|transplant|coma|"
    r"imprisoned for"
)
